import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { FST_TASKS_DASHBOARD_OPTIONS } from '../errors.ts'
import { readAssets, encodingFor, type Asset } from './assets.ts'
import { contentSecurityPolicy, pageHtml } from './page-html.ts'

export interface TasksDashboardOptions {
  /**
   * Where the page is. (Fastify's own option of `register`.)
   * @default '' (the page is at `/`)
   */
  prefix?: string
  /**
   * Where the routes of the tasks plugin are: a path, also one relative to the page (`../api/tasks`, for a proxy that takes
   * a part of the path away), or a URL. Another origin has to allow this one by CORS.
   * @default '/api/tasks'
   */
  api?: string
  /**
   * The page's title.
   * @default 'Tasks'
   */
  title?: string
}

/**
 * Serves the page that shows the tasks of an API. Hooks of the scope in which it is registered decide who may see it;
 * the page asks for nothing that the API would not give to the same person.
 * @throws FST_TASKS_DASHBOARD_OPTIONS
 */
export async function dashboard (fastify: FastifyInstance, { api = '/api/tasks', title = 'Tasks' }: TasksDashboardOptions): Promise<void> {
  if (typeof title !== 'string') throw new FST_TASKS_DASHBOARD_OPTIONS('title must be a text')
  if (!isAddress(api)) throw new FST_TASKS_DASHBOARD_OPTIONS('api must be a path, or a URL of http or https, without a query')
  const assets = await readAssets()
  // not part of the public API documentation
  const route = { schema: { hide: true } as object }

  fastify.get('/', route, async (request, reply) => {
    const [path = '', ...query] = request.url.split('?')
    // what the page loads is relative to it
    if (!path.endsWith('/')) return await reply.redirect([`./${path.split('/').at(-1)}/`, ...query].join('?'), 308)
    const nonce = randomBytes(16).toString('base64')
    return await protect(reply, api, nonce)
      .headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
      .send(pageHtml({ title, api, nonce, entry: assets.entry }))
  })

  fastify.get<{ Params: { name: string } }>('/assets/:name', route, async (request, reply) => {
    const asset = assets.files.get(request.params.name)
    if (asset === undefined) return reply.callNotFound()
    return await sendAsset(protect(reply, api), asset, request.headers['accept-encoding'])
  })
}

/** The page may load its own files and use its API, and nothing else; workers are under the policy of their own file. */
function protect (reply: FastifyReply, api: string, nonce?: string): FastifyReply {
  return reply.headers({
    'content-security-policy': contentSecurityPolicy({ api, nonce }),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin'
  })
}

function isAddress (api: unknown): api is string {
  if (typeof api !== 'string' || api.trim() === '' || !URL.canParse(api, 'http://page/')) return false
  const { protocol, search, hash } = new URL(api, 'http://page/')
  return /^https?:$/.test(protocol) && search === '' && hash === ''
}

async function sendAsset (reply: FastifyReply, { type, bodies }: Asset, accepted: string | undefined): Promise<FastifyReply> {
  const encoding = encodingFor(accepted)
  if (encoding !== 'identity') reply.header('content-encoding', encoding)
  // preserve the host's own Vary header
  const vary = [reply.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', ')
  return await reply
    // its name changes with its content
    .headers({ 'content-type': type, vary, 'cache-control': 'public, max-age=31536000, immutable' })
    .send(bodies[encoding])
}
