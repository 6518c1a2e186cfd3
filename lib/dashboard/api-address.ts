/** Any page; addresses of the API are resolved against it. */
const PAGE = 'http://page/'

/** Whether the value is a path or an http(s) URL without a query and fragment. */
export function isAddress (api: unknown): api is string {
  if (typeof api !== 'string' || api.trim() === '' || !URL.canParse(api, PAGE)) return false
  const { protocol, search, hash } = new URL(api, PAGE)
  return /^https?:$/.test(protocol) && search === '' && hash === ''
}

/** The API's origin; undefined if it is the page's own. */
export function originOf (api: string): string | undefined {
  const { origin } = new URL(api, PAGE)
  return `${origin}/` === PAGE ? undefined : origin
}

/**
 * The API's address for a page. An absolute path becomes relative to the page, so that it is right behind a proxy that strips
 * a path prefix: only the browser knows the prefix.
 * @param path of the page on this server, up to its last slash
 */
export function addressFor (api: string, path: string): string {
  if (!/^[/\\]/.test(api.trim()) || originOf(api) !== undefined) return api
  const levels = path.split('/').length - 2
  return `${levels > 0 ? '../'.repeat(levels) : './'}${new URL(api, PAGE).pathname.slice(1)}`
}
