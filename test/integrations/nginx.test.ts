import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { tasksPlugin } from '../../lib/index.ts'
import { EventStream, healthOf, openFeed, post, putTask, temporaryDirectory, untilClients, waitFor } from '../helpers.ts'
import { checkStreams, getFrom } from './client.ts'

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
const found = spawnSync('nginx', ['-v'], { env }).status === 0
const options = found ? {} : { skip: 'nginx is not installed (Debian: apt-get install nginx-light)' }

/** Two sites: one with the default settings, one that compresses everything. */
const PROXIES = {
  defaults: '',
  'HTTP/1.1 and gzip': 'proxy_http_version 1.1; gzip on; gzip_types *; gzip_min_length 0;'
}
type Proxy = keyof typeof PROXIES

interface Proxied {
  readonly dir: string
  /** URLs of the plugin's routes, by kind of proxy. */
  readonly urls: Record<Proxy, string>
  /** The URL without a proxy. */
  readonly url: string
  readonly app: FastifyInstance
  /** Starts a server that replaces a closed one. */
  startAgain (): Promise<FastifyInstance>
}

async function startProxied (t: Test): Promise<Proxied> {
  const dir = await temporaryDirectory(t)
  const start = async (port: number) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(tasksPlugin, { dir })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }
  const app = await start(0)
  const { port } = app.server.address() as AddressInfo
  const [defaults, zipping] = await startNginx(t, port, Object.values(PROXIES)) as [string, string]
  return {
    dir,
    app,
    url: `http://127.0.0.1:${port}/api/tasks`,
    urls: { defaults: `${defaults}/api/tasks`, 'HTTP/1.1 and gzip': `${zipping}/api/tasks` },
    startAgain: () => start(port)
  }
}

/** Starts a proxy of the port. @returns the origins of its sites, one for each of the settings */
async function startNginx (t: Test, port: number, sites: readonly string[]): Promise<string[]> {
  const dir = await temporaryDirectory(t)
  const ports = await freePorts(sites.length)
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`)
  await writeFile(join(dir, 'nginx.conf'), `
    daemon off;
    pid ${dir}/pid;
    error_log stderr notice;
    worker_processes 1;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http {
      access_log off;
      ${temporaryPaths.join('\n')}
      ${sites.map((site, index) => `server {
        listen 127.0.0.1:${ports[index]};
        ${site}
        location / { proxy_pass http://127.0.0.1:${port}; }
      }`).join('\n')}
    }`)
  // the shell terminates nginx when this process exits for any reason
  const nginx = spawn('sh', ['-c', 'nginx "$@" & read _; kill $!; wait $!', 'sh', '-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')], { env, stdio: ['pipe', 'ignore', 'pipe'] })
  const exited = once(nginx, 'exit')
  t.teardown(async () => {
    nginx.stdin.end()
    await exited
  })
  let output = ''
  nginx.stderr.setEncoding('utf8')
  await new Promise<void>((resolve, reject) => {
    nginx.stderr.on('data', (text: string) => {
      output += text
      if (output.includes('start worker process ')) resolve()
      if (output.includes('[emerg]')) reject(new Error(output))
    })
    exited.then(() => reject(new Error(output)), reject)
  })
  return ports.map((each) => `http://127.0.0.1:${each}`)
}

async function freePorts (count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

t.test('streams pass nginx immediately and completely, and ranges are correct', options, async (t) => {
  const { dir, urls } = await startProxied(t)
  for (const [index, [name, url]] of Object.entries(urls).entries()) {
    await t.test(name, async (t) => {
      const streams = await checkStreams(t, getFrom(t, url, { 'accept-encoding': 'gzip' }), dir, `task_${index}_a`)
      const zipped = Object.entries(streams).filter(([, { headers }]) => headers['content-encoding'] === 'gzip').map(([name]) => name)
      t.strictSame(zipped, name === 'defaults' ? [] : ['feed', 'events', 'follow', 'log', 'list'], 'nginx compresses according to its settings')
      t.equal(streams.feed.headers.server?.slice(0, 5), 'nginx')
    })
  }
})

t.test('a client that disconnects from nginx is disconnected from the server', options, async (t) => {
  const { dir, urls: { defaults: url }, url: direct } = await startProxied(t)
  const get = getFrom(t, url)
  const feed = await (await get('/events')).until('event: ready\n')
  await putTask(dir, 'task_1_a', { status: 'running' })
  await feed.until('task_1_a')
  const events = await get('/task_1_a/log/events')
  const follow = await get('/task_1_a/log?follow=true')
  t.equal((await healthOf(direct)).sseClients, 3)
  for (const { leave } of [feed, events, follow]) leave()
  await untilClients(direct, 0)
})

t.test('a feed that was interrupted behind nginx is resumed', options, async (t) => {
  const { dir, app, urls: { defaults: url } } = await startProxied(t)
  await putTask(dir, 'task_1_a', { status: 'running' })
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await appendFile(join(dir, 'task_1_a.log'), 'line\n')
  await feed.find(({ event }) => event === 'task.log')
  app.server.closeAllConnections()
  await waitFor(() => feed.closed)
  await post(url, { command: 'true', id: 'task_2_b' })
  const back = await openFeed(url, '', { 'last-event-id': feed.lastEventId })
  t.teardown(() => back.close())
  t.match(await back.find(({ event }) => event === 'ready'), { id: feed.lastEventId, data: { resumed: true } })
  t.match(await back.find(() => true, 1), { event: 'task.upsert', data: { id: 'task_2_b' } })
})

t.test('clients behind nginx notice that the server has closed, and continue with the next one', options, async (t) => {
  const { dir, app, urls, startAgain } = await startProxied(t)
  const url = urls['HTTP/1.1 and gzip']
  const get = getFrom(t, url)
  const feed = await openFeed(url)
  await putTask(dir, 'task_1_a', { status: 'running' })
  await feed.find(({ data }) => data.id === 'task_1_a')
  await appendFile(join(dir, 'task_1_a.log'), 'line\n')
  const events = await (await get('/task_1_a/log/events')).until('line')
  const follow = await (await get('/task_1_a/log?follow=true')).until('line')
  const plain = await (await getFrom(t, urls.defaults)('/task_1_a/log?follow=true')).until('line')
  await app.close()
  await Promise.all([waitFor(() => feed.closed), events.end(), follow.end(), plain.end()])
  t.notMatch(events.text, 'event: end')
  t.equal(follow.ended, 'cut', 'an interruption is not the end of the task')
  t.equal(plain.ended, 'cut', 'over HTTP/1.0 behind nginx')
  t.equal((await fetch(`${url}/events`)).status, 502)

  await startAgain()
  const back = await new EventStream(`${url}/events`, { headers: { 'last-event-id': feed.lastEventId } }).open()
  t.teardown(() => back.close())
  t.match(await back.find(() => true), { event: 'ready', data: { resumed: false } }, 'the client must list again')
  const list = await fetch(url)
  t.match([list.status, await list.json()], [200, [{ id: 'task_1_a' }]])
  const position = /^id: (\d+)$/m.exec(events.text)![1]!
  await appendFile(join(dir, 'task_1_a.log'), 'more\n')
  const further = await (await get('/task_1_a/log/events', { 'last-event-id': position })).until('more')
  t.strictSame(further.data, [{ offset: 5, end: 10, chunk: 'more\n' }], 'a log continues at its position')
})
