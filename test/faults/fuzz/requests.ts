import type { Random } from '../../random.ts'
import { randomShape, randomSize } from '../../random-json.ts'
import { encode, mutate } from './bytes.ts'

export interface RandomRequest {
  readonly method: string
  /** Without characters that a client would have to encode. */
  readonly path: string
  /** May repeat a name. */
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body?: Buffer
}

const METHODS = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST', 'TRACE', 'PROPFIND', 'SEARCH', 'M-SEARCH']
/** The routes, with the parameters of their queries. */
const ROUTES: ReadonlyArray<readonly [path: string, ...parameters: string[]]> = [
  ['', 'status', 'limit', 'before', 'fields'], ['/:id', 'fields'], ['/:id/log', 'position', 'tail', 'follow'], ['/:id/log/events', 'position', 'lastEventId'],
  ['/:id/log/search', 'q', 'before', 'limit'], ['/events', 'lastEventId', 'task', 'logs', 'log'], ['/_meta/health', 'strict'], ['/_meta/types']
]
const ODD_IDS = [
  'task_1_a', 'TASK_1_A', 'task_0_0', 'task_1_', 'task__a', 'task_99999999999999999999_z', `task_${'9'.repeat(89)}_abcd`, `task_${'9'.repeat(300)}_a`, 'task_1_a.json', 'task_1_a%2f..', '..', '.',
  '..%2f..%2fetc%2fpasswd', '%2e%2e', '%00', 'task_1_a%00', 'task_1_%ff', 'task_1_%C3%A9', '%E5%AD%97', '%ed%a0%80', '%', '%zz', '*', ':id', '_meta', 'events', '__proto__', 'constructor', 'x'.repeat(5000)
]
const ODD_VALUES = [
  '', '0', '1', '5', '100', '-1', '+1', '007', '1e3', '0x10', '1.5', '999999999', '9007199254740993', '9'.repeat(400), 'true', 'false', '1', 'null', 'undefined', 'NaN', 'Infinity', '[]', '{}', '%7B%22a%22%3A1%7D',
  'queued', 'running', 'completed', 'failed', 'cancelled', 'Queued', 'queued,running', 'o', 'line', '%0A', '%0D%0A', '%00', '%ff', '%C3%A9', '%F0%9F%99%82', '%ed%a0%80', '%', '%zz', '%25', "'", '%22', '%3Cscript%3E', '%E2%80%AE', '__proto__', 'x'.repeat(3000)
]
const CONTENT_TYPES = [
  'application/json', 'application/json', 'application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-16', 'APPLICATION/JSON', 'application/jsonx', 'application/x-www-form-urlencoded', 'multipart/form-data',
  'multipart/form-data; boundary=x', 'text/plain', 'text/html', 'application/octet-stream', 'application/json, text/plain', 'application/', '/', ';', 'x'.repeat(500), 'application/json; charset="'
]
const HEADERS: ReadonlyArray<readonly [string, ...string[]]> = [
  ['accept', 'text/event-stream', 'application/json', '*/*', 'text/html', '', ';q=x', 'text/event-stream;q=0'], ['accept-encoding', 'gzip, br', 'identity;q=0', 'x'], ['last-event-id', ...ODD_VALUES.filter((value) => value.length < 500)],
  ['range', 'bytes=0-', 'bytes=5-2', 'bytes=-5', 'bytes=0-0,2-3', 'bytes=99999999999999999999-', 'lines=1-2', 'bytes', 'bytes=-0', 'bytes=a-b'], ['if-range', '"x"', 'W/"x"', 'Tue, 01 Jan 2030 00:00:00 GMT', ''],
  ['if-none-match', '*', '"x"', 'W/"x", "y"', '"', ',,,'], ['if-match', '*', '"x"'], ['expect', '100-continue', 'x'], ['upgrade', 'websocket', 'h2c'], ['connection', 'close', 'keep-alive', 'upgrade', 'x'], ['cookie', 'a=b', 'x'.repeat(8000)],
  ['authorization', 'Basic !', 'Bearer x'], ['origin', 'null', 'https://example.com'], ['x-forwarded-for', '::1', 'x, y'], ['x-forwarded-prefix', '//evil', '/x'], ['x-http-method-override', 'DELETE'], ['cache-control', 'no-cache'],
  ['content-encoding', 'gzip', 'x'], ['te', 'trailers'], ['__proto__', 'x'], ['constructor', 'x'], ['priority', 'u=9'], ['x-request-id', 'x'.repeat(2000)]
]

/** A request to a route of the plugin, of the dashboard, or to none. */
export function randomRequest (random: Random, ids: readonly string[]): RandomRequest {
  const headers: Array<readonly [string, string]> = []
  for (let count = random.below(4); count > 0; count--) {
    const [name, ...values] = random.pick(HEADERS)
    headers.push([name, random.pick(values)])
  }
  const method = random.below(3) === 0 ? 'POST' : random.pick(METHODS)
  const path = method === 'POST' && random.below(4) > 0 ? '/api/tasks' : randomPath(random, ids)
  if (method === 'GET' || method === 'HEAD' || random.below(8) === 0) return { method, path, headers }
  if (random.below(10) > 0) headers.push(['content-type', random.pick(CONTENT_TYPES)])
  return { method, path, headers, body: randomBody(random, ids) }
}

function randomPath (random: Random, ids: readonly string[]): string {
  if (random.below(20) === 0) return random.pick(['/', '/index.html', '/assets', '/assets/../package.json', '/assets/%2e%2e%2fx', '//', '/api', '/api/tasks//', '/api/tasks/x/y/z', '*', '/%', `/${'x/'.repeat(500)}`, '/api/tasks;x', '/api/tasks/?', '/favicon.ico'])
  const [path, ...parameters] = random.pick(ROUTES)
  const suffix = random.below(8) === 0 ? random.pick(['/cancel', '/log', '/', '/x', '%2flog']) : ''
  return `/api/tasks${path.replace(':id', () => randomId(random, ids))}${suffix}${randomQuery(random, ids, parameters)}`
}

function randomId (random: Random, ids: readonly string[]): string {
  return random.below(3) === 0 || ids.length === 0 ? random.pick(ODD_IDS) : random.pick(ids)
}

function randomQuery (random: Random, ids: readonly string[], parameters: readonly string[]): string {
  const pairs: string[] = []
  for (let count = random.below(4); count > 0; count--) {
    const known = random.pick(['x', ...parameters, ...parameters, ...parameters])
    const name = random.below(10) > 0 ? known : random.pick(['', `${known}[]`, `${known}[a]`, '__proto__', 'constructor', 'toString', `${known}%00`])
    pairs.push(`${name}${random.pick(['=', '=', '=', '=', ''])}${random.below(4) === 0 ? randomId(random, ids) : random.pick(ODD_VALUES)}`)
  }
  const repeated = random.below(100) === 0 ? pairs.flatMap((pair) => Array.from({ length: 400 }, () => pair.slice(0, 30))) : pairs
  return repeated.length === 0 ? '' : `?${repeated.join(random.pick(['&', '&', '&', ';', '&&']))}`
}

const FIELDS = ['command', 'type', 'app', 'config', 'timeoutMs', 'id', 'status', 'createdAt', '__proto__', 'constructor', 'extra']
const COMMANDS = ['true', 'echo x', ' ', '', '\0', 'true\0', 'é', '字', '🙂', '\ud800', 'x\udc00', 'x'.repeat(140_000), '\n\n', '\u001b[31m']

function randomBody (random: Random, ids: readonly string[]): Buffer {
  const valid = JSON.stringify({ command: random.pick(COMMANDS), ...(random.below(2) === 0 && { type: 'custom', app: null, config: { a: 1 }, timeoutMs: 1000 }), ...(random.below(6) === 0 && { id: `task_${random.below(50)}_fuzz` }) })
  return random.pick([
    () => Buffer.from(valid),
    () => encode(random, valid),
    () => mutate(random, Buffer.from(valid)),
    () => encode(random, `{"command":"true","config":${shape(random)}}`),
    () => mutate(random, Buffer.from(`{"command":"true","config":${shape(random)}}`)),
    () => Buffer.from(shape(random)),
    () => Buffer.from(`{${Array.from({ length: random.below(6) }, () => `"${random.pick(FIELDS)}":${random.below(3) === 0 ? JSON.stringify(randomId(random, ids)) : shape(random, 300)}`).join(',')}}`),
    () => Buffer.alloc(random.pick([0, 1, 100, 1_048_576, 1_048_577, 3_000_000]), random.pick(['x', '[', '{"a":', '"', ' ', '\0']))
  ])()
}

function shape (random: Random, max = random.below(10) === 0 ? 1_048_000 : 10_000): string {
  return randomShape(random, randomSize(random, max)).text
}
