import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { FST_TASKS_DASHBOARD_OPTIONS } from '../errors.ts'
import { unknownName } from '../util/names.ts'
import { addressFor, isAddress } from './api-address.ts'
import { readAssets, encodingFor, type Asset } from './assets.ts'
import { contentSecurityPolicy, pageHtml } from './page-html.ts'

export interface TasksDashboardOptions {
  /**
   * Path of the page. (Fastify's own option of `register`.)
   * @default '' (the page is at `/`)
   */
  prefix?: string
  /**
   * Address of the tasks plugin's routes: a path of this server, which also works behind a proxy that strips a path prefix;
   * a path relative to the page, such as `../api/tasks`; or a URL. Another origin must allow the page's origin by CORS.
   * @default '/api/tasks'
   */
  api?: string
  /**
   * Title of the page.
   * @default 'Tasks'
   */
  title?: string
}

/** Options of Fastify's `register`, besides `prefix`. */
const FASTIFY_OPTIONS = ['logLevel', 'logSerializers']

/** Keeps the routes out of the host's public API documentation. */
const HIDDEN: object = { hide: true }

/**
 * Serves a page that shows the tasks of an API. The hooks of the scope in which it is registered control access to it. The
 * page calls the API with the browser's own credentials, so it shows only what the API returns to the same user.
 * @throws FST_TASKS_DASHBOARD_OPTIONS
 */
export async function dashboard (fastify: FastifyInstance, options: TasksDashboardOptions): Promise<void> {
  const { api, title } = resolveOptions(options)
  const assets = await readAssets()

  fastify.get('/', { schema: HIDDEN }, async (request, reply) => {
    const [path = '', ...query] = request.originalUrl.split('?')
    // the page's files and its API have relative addresses
    if (!path.endsWith('/')) return await reply.redirect([`./${path.split('/').at(-1)}/`, ...query].join('?'), 308)
    const nonce = randomBytes(16).toString('base64')
    return await setSecurityHeaders(reply, api, nonce)
      .headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' })
      .send(pageHtml({ title, api: addressFor(api, request.url.split('?')[0]!), nonce, entry: assets.entry }))
  })

  fastify.get<{ Params: { name: string } }>('/assets/:name', { schema: HIDDEN }, async (request, reply) => {
    const asset = assets.files.get(request.params.name)
    if (asset === undefined) return reply.callNotFound()
    return await sendAsset(setSecurityHeaders(reply, api), asset, request.headers['accept-encoding'])
  })
}

/** @throws FST_TASKS_DASHBOARD_OPTIONS */
function resolveOptions (options: TasksDashboardOptions): Required<Omit<TasksDashboardOptions, 'prefix'>> {
  const unknown = unknownName(options, ['prefix', 'api', 'title', ...FASTIFY_OPTIONS])
  if (unknown !== undefined) throw new FST_TASKS_DASHBOARD_OPTIONS(unknown)
  const { prefix = '', api = '/api/tasks', title = 'Tasks' } = options
  if (!/^(\/[^?#]*)?$/.test(prefix)) throw new FST_TASKS_DASHBOARD_OPTIONS('prefix must be a path that starts with /.')
  if (typeof title !== 'string' || title.trim() === '') throw new FST_TASKS_DASHBOARD_OPTIONS('title must be a text that is not blank.')
  if (!isAddress(api)) throw new FST_TASKS_DASHBOARD_OPTIONS('api must be a path or an http(s) URL, without a query or fragment.')
  return { api, title }
}

/** The page may load only its own files and call only its API. Assets have the policy too: a worker obeys its own file's. */
function setSecurityHeaders (reply: FastifyReply, api: string, nonce?: string): FastifyReply {
  return reply.headers({
    'content-security-policy': contentSecurityPolicy({ api, nonce }),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin'
  })
}

async function sendAsset (reply: FastifyReply, { type, bodies }: Asset, acceptEncoding: string | undefined): Promise<FastifyReply> {
  const encoding = encodingFor(acceptEncoding)
  if (encoding !== 'identity') reply.header('content-encoding', encoding)
  // preserve the host's own Vary header
  const vary = [reply.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', ')
  return await reply
    // the file's name changes with its content
    .headers({ 'content-type': type, vary, 'cache-control': 'public, max-age=31536000, immutable' })
    .send(bodies[encoding])
}
