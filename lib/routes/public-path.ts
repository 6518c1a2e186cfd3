/**
 * The path of a request as its client knows it, for a header: without the query and a slash at its end, percent-encoded.
 * @param url as the client sent it, before the host rewrote it. Node.js decodes it as Latin-1: each character is one byte
 */
export function publicPath (url: string): string {
  const [path = ''] = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)
  return path
    // two slashes would start the name of another host
    .replace(/^\/+/, '/')
    .replace(/\/+$/, '')
    .replace(/[^\w\-.~!$&'()*+,;=:@/%]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
