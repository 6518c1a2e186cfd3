import { once } from 'node:events'
import { appendFile, open, readdir, readFile, readlink, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { connect, constants } from 'node:http2'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { EventStream, putTask, startServer, temporaryDirectory, waitFor, type Running } from '../helpers.ts'
import { randomFrom } from '../random.ts'
import { DirectoryStore, tasksPlugin, type TasksPluginOptions } from '../../lib/index.ts'

const ID = 'task_1_a'
const KIB = 1024
const MIB = 1024 * KIB

interface Fixture extends Running {
  readonly dir: string
  readonly path: string
  /** The task's routes. */
  readonly task: string
}

/** A server with one task. */
async function fixture (t: { teardown (work: () => unknown): void }, log?: string | Buffer, { status = 'running', ...options }: Partial<TasksPluginOptions> & { status?: string } = {}): Promise<Fixture> {
  const dir = await temporaryDirectory(t)
  const path = join(dir, `${ID}.log`)
  if (log !== undefined) await writeFile(path, log)
  await putTask(dir, ID, { status })
  const { app, url } = await startServer(t, { ...options, dir } as TasksPluginOptions)
  return { app, url, dir, path, task: `${url}/${ID}` }
}

async function clients (url: string): Promise<number> {
  return (await (await fetch(`${url}/_meta/health`)).json() as { sseClients: number }).sseClients
}

/** Files of the directory that this process has open. */
async function descriptors (dir: string): Promise<number> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(`${dir}/`)).length
}

/** A client that reads a response's bytes as they come. */
class Download {
  response!: IncomingMessage
  bytes = Buffer.alloc(0)
  size = 0
  /** How it ended: in good order, or cut. */
  readonly end: Promise<'ended' | 'cut'>
  readonly #request
  readonly #keep: boolean
  #ended!: (how: 'ended' | 'cut') => void
  #wake: () => void = () => {}

  constructor (url: string, { headers = {}, localAddress, keep = true }: { headers?: Record<string, string>, localAddress?: string, keep?: boolean } = {}) {
    this.#keep = keep
    this.end = new Promise((resolve) => { this.#ended = resolve })
    this.#request = request(url, { headers, agent: false, ...(localAddress !== undefined && { localAddress }) })
    this.#request.on('error', () => this.#ended('cut'))
    this.#request.end()
  }

  async open ({ read = true } = {}): Promise<this> {
    [this.response] = await once(this.#request, 'response') as [IncomingMessage]
    this.response.on('error', () => {})
    this.response.on('close', () => {
      this.#ended(this.response.complete ? 'ended' : 'cut')
      this.#wake()
    })
    if (read) this.read()
    return this
  }

  read (): void {
    this.response.on('data', (bytes: Buffer) => {
      this.size += bytes.length
      if (this.#keep) this.bytes = Buffer.concat([this.bytes, bytes])
      this.#wake()
    })
  }

  async until (holds: (text: string) => boolean): Promise<void> {
    while (!holds(String(this.bytes))) {
      if (this.response.destroyed) throw new Error(`it ended with ${this.size} bytes`)
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }

  close (): void { this.#request.destroy() }
}

async function download (t: { teardown (work: () => unknown): void }, url: string, options: ConstructorParameters<typeof Download>[1] & { read?: boolean } = {}): Promise<Download> {
  const client = new Download(url, options)
  t.teardown(() => client.close())
  return await client.open(options)
}

async function events (t: { teardown (work: () => unknown): void }, task: string, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
  const stream = new EventStream(`${task}/log/events${query}`, { headers })
  t.teardown(() => stream.close())
  return await stream.open()
}

/** What a client that follows the rules has: it starts over where it is told so. */
function textOf ({ messages }: EventStream): string {
  let text = ''
  for (const { event, data } of messages) {
    if (event !== 'message') continue
    if (data.truncated === true) text = ''
    if (Buffer.byteLength(text) !== data.offset) throw new Error(`it goes on at ${data.offset}, not at ${Buffer.byteLength(text)}`)
    text += data.chunk
  }
  return text
}

const ended = async (stream: EventStream) => await stream.find(({ event }) => event === 'end')

// The log as it is

t.test('a range of a log', async (t) => {
  const { task, path } = await fixture(t, '0123456789')
  const get = async (headers: Record<string, string>, query = '') => {
    const response = await fetch(`${task}/log${query}`, { headers })
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  }
  const whole = await get({})
  t.match(whole, { status: 200, text: '0123456789', headers: { 'accept-ranges': 'bytes', 'log-position': '0', 'content-length': '10', 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' } })
  const etag = whole.headers.etag!
  t.match(etag, /^"[^"]+"$/, 'a strong tag')
  const parts: Array<[range: string, part: string, contentRange: string]> = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-5', '2345', 'bytes 2-5/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=7-99', '789', 'bytes 7-9/10'],
    ['bytes=-4', '6789', 'bytes 6-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=0-', '0123456789', 'bytes 0-9/10']
  ]
  for (const [range, text, contentRange] of parts) {
    t.match(await get({ range }), { status: 206, text, headers: { 'content-range': contentRange, 'content-length': String(text.length), etag, 'log-position': contentRange.slice(6).split('-')[0]! } }, range)
    t.match(await get({ range, 'if-range': etag }), { status: 206, text }, `${range}, unchanged`)
  }
  for (const range of ['bytes=10-', 'bytes=10-12', 'bytes=-0', 'bytes=-00']) {
    const { status, headers, text } = await get({ range })
    t.match([status, headers['content-range'], JSON.parse(text)], [416, 'bytes */10', { statusCode: 416, code: 'FST_TASKS_RANGE' }], range)
    t.match(headers['content-type'], /json/)
  }
  for (const range of ['bytes=0-1,4-5', 'bytes=5-2', 'lines=0-1', 'bytes=x-', 'bytes', '']) {
    const { status, headers, text } = await get({ range })
    t.strictSame([status, headers['content-range'], text], [200, undefined, '0123456789'], range)
  }
  for (const tag of ['"other"', `W/${etag}`, 'Wed, 21 Oct 2015 07:28:00 GMT', `${etag}, "b"`]) {
    t.match(await get({ range: 'bytes=2-5', 'if-range': tag }), { status: 200, text: '0123456789' }, `If-Range: ${tag}`)
  }
  t.match(await get({ range: 'bytes=2-5' }, '?position=8'), { status: 200, text: '89' }, 'a position is no representation of its own to take ranges of')
  t.match(await get({ range: 'bytes=2-5' }, '?tail=1'), { status: 200, text: '0123456789' })
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const { status, headers, text } = await get({ 'if-none-match': tag, range: 'bytes=2-5' })
    t.strictSame([status, headers.etag, text], [304, etag, ''], `If-None-Match: ${tag}`)
  }
  await appendFile(path, 'x')
  const grown = await get({ 'if-none-match': etag })
  t.match([grown.status, grown.text, grown.headers.etag === etag], [200, '0123456789x', false])
  t.match(await get({ range: 'bytes=2-5', 'if-range': etag }), { status: 200 }, 'it has changed')
  await truncate(path)
  t.match(await get({ range: 'bytes=0-' }), { status: 416, headers: { 'content-range': 'bytes */0' } })
  t.match(await get({}), { status: 200, text: '', headers: { 'content-length': '0', 'log-position': '0' } })
})

t.test('the last lines of a log', async (t) => {
  const { task, path } = await fixture(t, '')
  const line = `${'x'.repeat(70 * KIB)}\n`
  const many = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `line ${index} ${'é'.repeat(index % 50)}\n`).join(''))
  const table: Array<[log: string, lines: number, tail: string]> = [
    ['', 0, ''], ['', 3, ''], ['a\nb\nc\n', 0, ''], ['a\nb\nc\n', 1, 'c\n'], ['a\nb\nc\n', 2, 'b\nc\n'], ['a\nb\nc\n', 99, 'a\nb\nc\n'],
    ['a\nb\nc', 1, 'c'], ['a\nb\nc', 2, 'b\nc'], ['a\r\nb\r\n', 1, 'b\r\n'], ['a\n\n', 1, '\n'], ['one', 1, 'one'],
    [line + line + line, 2, line + line], [`${line}${line}end`, 2, `${line}end`], [String(many), 1000, String(many).split('\n').slice(-1001).join('\n')]
  ]
  for (const [log, lines, tail] of table) {
    await writeFile(path, log)
    const response = await fetch(`${task}/log?tail=${lines}`)
    const label = `${lines} of ${JSON.stringify(log.slice(0, 20))}`
    t.equal(await response.text() === tail, true, label)
    const [size, part] = [Buffer.byteLength(log), Buffer.byteLength(tail)]
    t.match([response.status, response.headers.get('log-position'), response.headers.get('content-length')], [200, String(size - part), String(part)], label)
    const head = await fetch(`${task}/log?tail=${lines}`, { method: 'HEAD' })
    t.match([head.status, head.headers.get('log-position'), head.headers.get('content-length')], [200, String(size - part), String(part)], `HEAD, ${label}`)
  }
  for (const query of ['tail=1&position=1', 'tail=-1', 'tail=x', 'tail=', 'tail=1e3', 'tail=1&tail=2', 'follow=yes', 'follow=', 'what=1']) {
    const response = await fetch(`${task}/log?${query}`)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION' }], query)
    t.equal((await fetch(`${task}/log?${query}`, { method: 'HEAD' })).status, 400, `HEAD ${query}`)
  }
})

t.test('the head of a log says what a GET would give', async (t) => {
  const { task, url, path } = await fixture(t)
  const both = async (query: string, headers: Record<string, string> = {}) => {
    const [get, head] = await Promise.all(['GET', 'HEAD'].map(async (method) => {
      const response = await fetch(`${task}/log${query}`, { method, headers })
      const text = await response.text()
      if (method === 'HEAD') t.equal(text, '')
      return [response.status, ...['content-length', 'log-position', 'etag', 'content-type', 'content-range'].map((name) => response.headers.get(name))]
    }))
    return { get: get!, head: head! }
  }
  const none = await both('')
  t.match([none.get[0], none.head[0]], [404, 404])
  for (const log of ['', '0123456789', 'x'.repeat(5 * MIB)]) {
    await writeFile(path, log)
    for (const query of ['', '?position=0', `?position=${log.length}`, '?tail=1', '?tail=0']) {
      const { get, head } = await both(query)
      t.strictSame(head, get, `${log.length} bytes, ${query}`)
      t.equal(get[0], 200)
    }
    const beyond = await both(`?position=${log.length + 1}`)
    t.match([beyond.get[0], beyond.head[0], beyond.get.at(-1), beyond.head.at(-1)], [416, 416, `bytes */${log.length}`, `bytes */${log.length}`])
    const { get } = await both('')
    const { get: unchanged, head } = await both('', { 'if-none-match': String(get[3]) })
    t.match([unchanged[0], head[0]], [304, 304])
  }
  t.equal((await fetch(`${task}/log`, { method: 'HEAD', headers: { range: 'bytes=0-1' } })).status, 200, 'a range is of a GET alone')
  for (const path of ['/log', '/log?follow=true', '/log?tail=1', '/log/events', '/log/search?q=x']) {
    const response = await fetch(`${url}/task_2_none${path}`)
    t.match([response.status, await response.json()], [404, { code: 'FST_TASKS_NOT_FOUND' }], path)
    t.equal((await fetch(`${url}/task_2_none${path}`, { method: 'HEAD' })).status, 404, `HEAD ${path}`)
    t.equal((await fetch(`${url}/task_x_none${path}`)).status, 400, 'an id of another form')
  }
})

t.test('no log yet: 404 and nothing', async (t) => {
  const { task } = await fixture(t)
  for (const query of ['', '?tail=5', '?position=5']) {
    const response = await fetch(`${task}/log${query}`)
    t.match([response.status, await response.text(), response.headers.get('content-type'), response.headers.get('log-position')], [404, '', 'text/plain; charset=utf-8', null], query)
  }
})

t.test('a log that shrinks or goes while it is sent: the client is cut off, and does not wait', async (t) => {
  const { task, path, dir } = await fixture(t, Buffer.alloc(40 * MIB, 'x'))
  for (const query of ['', '?position=5', '?tail=1']) {
    await writeFile(path, Buffer.alloc(40 * MIB, 'x'))
    // on a connection that ends with its answer, too few bytes would show of themselves
    const client = await download(t, `${task}/log${query}`, { read: false, headers: { connection: 'keep-alive' } })
    await truncate(path, 100)
    client.read()
    t.equal(await client.end, 'cut', query)
  }
  const ranged = await download(t, `${task}/log`, { headers: { range: 'bytes=0-49' } })
  t.equal(await ranged.end, 'ended')
  await writeFile(path, Buffer.alloc(40 * MIB, 'x'))
  const kept = await download(t, `${task}/log`, { read: false, keep: false })
  await unlink(path)
  kept.read()
  t.match([await kept.end, kept.size], ['ended', 40 * MIB], 'what was opened is sent')
  t.equal((await fetch(`${task}/log`)).status, 404)
  await writeFile(path, Buffer.alloc(40 * MIB, 'x'))
  const left = await download(t, `${task}/log`, { read: false })
  left.close()
  await waitFor(async () => await descriptors(dir) === 0)
})

t.test('a log that shrinks between the look and the reading', async (t) => {
  const { task, app, path } = await fixture(t, '0123456789')
  const { store } = app.tasks
  const { readLog } = store
  /** Cuts the log after it was described. */
  const cutAfter = (size: number | undefined) => {
    store.readLog = async function (...parameters) {
      const log = await readLog.apply(store, parameters)
      store.readLog = readLog
      if (size === undefined) await unlink(path)
      else await truncate(path, size)
      return log
    }
  }
  const table: Array<[query: string, range: string | undefined, size: number | undefined, status: number, answer: string]> = [
    ['', undefined, 4, 200, '0123'],
    ['?position=4', undefined, 4, 200, ''],
    ['?position=5', undefined, 4, 416, 'bytes */4'],
    ['', 'bytes=2-7', 4, 206, 'bytes 2-3/4'],
    ['', 'bytes=4-7', 4, 416, 'bytes */4'],
    ['', 'bytes=5-7', 4, 416, 'bytes */4'],
    ['', undefined, undefined, 404, ''],
    ['', 'bytes=2-7', undefined, 404, ''],
    ['?position=5', undefined, undefined, 404, '']
  ]
  for (const [query, range, size, status, answer] of table) {
    await writeFile(path, '0123456789')
    cutAfter(size)
    const response = await fetch(`${task}/log${query}`, { headers: range === undefined ? {} : { range } })
    const text = await response.text()
    t.match([response.status, status === 200 || status === 404 ? text : response.headers.get('content-range')], [status, answer], `${query} ${range} cut to ${size}`)
  }
})

// Following

t.test('following a log: what is there, and what comes, until the task ends', async (t) => {
  const { task, url, dir, path } = await fixture(t)
  const client = await download(t, `${task}/log?follow=true`)
  t.match([client.response.statusCode, client.response.headers], [200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'transfer-encoding': 'chunked', 'x-accel-buffering': 'no', 'log-position': '0', etag: undefined }], 'a log that is not there yet is waited for')
  t.equal(await clients(url), 1)
  await writeFile(path, 'one\n')
  await client.until((text) => text === 'one\n')
  const second = await download(t, `${task}/log?follow=1`)
  await second.until((text) => text === 'one\n')
  const third = await download(t, `${task}/log?follow=true&position=2`)
  await third.until((text) => text === 'e\n')
  const head = await fetch(`${task}/log?follow=true`, { method: 'HEAD' })
  t.match([head.status, head.headers.get('content-length')], [200, null], 'how long it gets nobody knows')
  await appendFile(path, Buffer.from([0xff, 0x0a]))
  await client.until((text) => text.length === 6)
  await appendFile(path, 'two\n')
  const tail = await download(t, `${task}/log?follow=true&tail=1`)
  await tail.until((text) => text === 'two\n')
  t.match([tail.response.headers['log-position'], third.response.headers['log-position']], ['6', '2'])
  await appendFile(path, 'end')
  await putTask(dir, ID, { status: 'completed' })
  const log = await readFile(path)
  for (const [{ end, bytes }, start] of [[client, 0], [second, 0], [third, 2], [tail, 6]] as const) {
    t.equal(await end, 'ended')
    t.strictSame(bytes.length > 0 && start, start)
  }
  t.strictSame([client.bytes, second.bytes, third.bytes, tail.bytes], [log, log, log.subarray(2), log.subarray(6)])
  await waitFor(async () => await clients(url) === 0)
  const after = await download(t, `${task}/log?follow=true`)
  t.match([await after.end, after.bytes], ['ended', log], 'of an ended task, all at once')
  t.equal(await (await fetch(`${task}/log?follow=true&tail=0`)).text(), '')
  t.match(await (await fetch(`${task}/log?follow=false`)).arrayBuffer(), { byteLength: log.length })
  t.match(await (await fetch(`${task}/log?follow=true&position=99`)).json(), { statusCode: 416, code: 'FST_TASKS_POSITION' })
})

t.test('the last bytes before the end, whatever the moment', async (t) => {
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const trial = async (number: number) => {
    const id = `task_${number}_race`
    const path = join(dir, `${id}.log`)
    await putTask(dir, id, { status: 'running' })
    await waitFor(async () => (await fetch(`${url}/${id}`)).status === 200, { every: 1 })
    const raw = new Download(`${url}/${id}/log?follow=true`)
    const stream = new EventStream(`${url}/${id}/log/events`)
    t.teardown(() => { raw.close(); stream.close() })
    await Promise.all([raw.open(), stream.open()])
    let log = ''
    for (let line = 0; line < number % 5; line++) {
      log += `line ${line} of ${number} é\n`
      await writeFile(path, log, { flag: 'w' }).then(async () => { if (line % 2 === 0) await new Promise(setImmediate) })
    }
    const last = `last of ${number}`
    await appendFile(path, last)
    await putTask(dir, id, { status: number % 2 === 0 ? 'completed' : 'failed' })
    const end = await ended(stream)
    if (await raw.end !== 'ended' || !String(raw.bytes).endsWith(last)) return `${id}: ${String(raw.bytes)}`
    if (textOf(stream) !== log + last) return `${id}: ${JSON.stringify(stream.messages)}`
    return end.id === `${Buffer.byteLength(log + last)}-end` ? undefined : `${id}: ${end.id}`
  }
  for (let round = 0; round < 8; round++) {
    const wrong = (await Promise.all(Array.from({ length: 12 }, (_, index) => trial(round * 12 + index)))).filter((text) => text !== undefined)
    t.strictSame(wrong, [], `round ${round}`)
  }
  await waitFor(async () => await clients(url) === 0)
})

t.test('a followed task that is deleted, and logs that are cut, rewritten or replaced', async (t) => {
  const { task, url, path } = await fixture(t, '0123456789')
  const raw = await download(t, `${task}/log?follow=true`)
  const stream = await events(t, task)
  await stream.find(({ data }) => data.end === 10)
  const becomes = async (text: string) => {
    await stream.until(() => textOf(stream) === text)
    await raw.until((all) => all.endsWith(text))
  }
  await appendFile(path, Buffer.from([0x61, 0xf0, 0x9f]))
  await stream.find(({ data }) => data.end === 11)
  await truncate(path)
  await stream.find(({ data }) => data.truncated === true)
  await appendFile(path, 'abc')
  await becomes('abc')
  await writeFile(path, 'a longer one, in place')
  await becomes('a longer one, in place')
  await writeFile(`${path}.new`, 'another file, longer than the one before')
  await rename(`${path}.new`, path)
  await becomes('another file, longer than the one before')
  await truncate(path, 7)
  await becomes('another')
  await appendFile(path, ' end')
  await becomes('another end')
  t.equal((await fetch(`${task}?force=1`, { method: 'DELETE' })).status, 200)
  t.match(await ended(stream), { data: { status: null } })
  t.equal(await raw.end, 'ended')
  await waitFor(async () => await clients(url) === 0)
})

t.test('whatever is done to a log while it is followed, what a client has in the end is the log', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e6)
  t.comment(`SEED=${seed}`)
  const { below: random } = randomFrom(seed)
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const characters = [...'abcdefghijé日😀\n']
  const text = (size: number) => Array.from({ length: size }, () => characters[random(characters.length)]).join('')
  const wrong: string[] = []
  await Promise.all(Array.from({ length: 10 }, async (_, number) => {
    const id = `task_${number}_fuzz`
    const path = join(dir, `${id}.log`)
    await putTask(dir, id, { status: 'running' })
    await waitFor(async () => (await fetch(`${url}/${id}`)).status === 200, { every: 1 })
    const stream = await events(t, `${url}/${id}`)
    const raw = await download(t, `${url}/${id}/log?follow=true`)
    const done: string[] = []
    for (let step = 0; step < 25; step++) {
      const bytes = text([random(10), random(200), random(100_000)][random(3)]!)
      const what = ['append', 'append', 'append', 'append', 'truncate', 'cut', 'rewrite', 'replace', 'unlink'][random(9)]!
      done.push(`${what} ${Buffer.byteLength(bytes)}`)
      if (what === 'append') await appendFile(path, bytes)
      else if (what === 'truncate') await truncate(path).catch(() => {})
      else if (what === 'cut') await truncate(path, random(((await stat(path).catch(() => undefined))?.size ?? 0) + 1)).catch(() => {})
      else if (what === 'rewrite') await writeFile(path, bytes)
      else if (what === 'unlink') await unlink(path).catch(() => {})
      else await writeFile(`${path}.new`, bytes).then(() => rename(`${path}.new`, path))
      for (let turn = random(3) * random(30); turn > 0; turn--) await new Promise(setImmediate)
    }
    await putTask(dir, id, { status: 'completed' })
    const end = await ended(stream)
    const log = await readFile(path).catch(() => Buffer.alloc(0))
    const pieces: Buffer[] = []
    for (const { data, event } of stream.messages) {
      if (event !== 'message') continue
      if (data.truncated === true) pieces.length = 0
      pieces.push(data.lossy === true ? Buffer.alloc(data.end - data.offset, '?') : Buffer.from(data.chunk))
    }
    const has = Buffer.concat(pieces)
    if (has.length !== log.length || !has.every((byte, at) => byte === log[at] || byte === 0x3f)) wrong.push(`${id}: ${has.length} of ${log.length}; ${done.join(', ')}`)
    if (end.id !== `${log.length}-end`) wrong.push(`${id}: ${end.id}, not ${log.length}`)
    if (await raw.end !== 'ended' || !raw.bytes.subarray(raw.size - log.length).equals(log)) wrong.push(`${id}, its bytes: ${done.join(', ')}`)
  }))
  t.strictSame(wrong, [])
})

t.test('clients that leave are noticed, and leave nothing behind', async (t) => {
  const { task, url, dir, path } = await fixture(t, Buffer.alloc(30 * MIB, 'line\n'))
  for (let round = 0; round < 2; round++) {
    const waiting = await Promise.all([1, 2, 3, 4].map((number) => download(t, `${task}/log?follow=true${number % 2 === 0 ? '&tail=5' : ''}`, { read: number > 2, keep: false })))
    const streams = await Promise.all([1, 2, 3, 4].map(async (number) => {
      const stream = await events(t, task, number % 2 === 0 ? `?position=${30 * MIB}` : '')
      if (number < 3) stream.pause()
      return stream
    }))
    t.equal(await clients(url), 8)
    for (const client of [...waiting, ...streams]) client.close()
    await waitFor(async () => await clients(url) === 0)
    // and those that leave before there is an answer
    for (let index = 0; index < 30; index++) {
      for (const rest of ['/log?follow=true', '/log?follow=true&tail=9999999', '/log/events', '/log?tail=9999999', '/log/search?q=nothing']) {
        const client = new Download(`${task}${rest}`)
        for (let turn = 0; turn < index; turn++) await new Promise(setImmediate)
        client.close()
      }
    }
    await waitFor(async () => await clients(url) === 0)
    await waitFor(async () => await descriptors(dir) === 0)
  }
  await appendFile(path, 'more')
  t.equal((await stat(path)).size, 30 * MIB + 4)
})

t.test('a client that is gone before its answer begins holds no place', async (t) => {
  const { task, app } = await fixture(t, 'x\n')
  const { store } = app.tasks
  const { get } = store
  for (const rest of ['/log?follow=true', '/log/events']) {
    let begun: () => void
    let goOn: () => void
    const asked = new Promise<void>((resolve) => { begun = resolve })
    const gone = new Promise<void>((resolve) => { goOn = resolve })
    store.get = async (id) => {
      store.get = get
      begun()
      await gone
      return await get.call(store, id)
    }
    const closed = new Promise<void>((resolve) => app.server.once('request', (_request, response) => response.once('close', resolve)))
    const client = new Download(`${task}${rest}`)
    await asked
    client.close()
    await closed
    goOn!()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    t.equal((await app.tasks.health()).sseClients, 0, rest)
  }
})

t.test('a client that does not read costs no memory', { timeout: 60_000 }, async (t) => {
  const { task, path } = await fixture(t, '')
  const size = 200 * MIB
  const file = await open(path, 'w')
  t.teardown(() => file.close())
  const block = Buffer.alloc(MIB, `${'y'.repeat(63)}\n`)
  for (let at = 0; at < size; at += MIB) await file.write(block)
  const raw = await download(t, `${task}/log?follow=true`, { read: false, keep: false })
  const stream = await events(t, task)
  stream.pause()
  const before = process.memoryUsage().rss
  // as long as two others need for all of it
  for (let turn = 0; turn < 2; turn++) {
    const other = await download(t, `${task}/log`, { keep: false })
    t.match([await other.end, other.size], ['ended', size])
  }
  const grown = process.memoryUsage().rss - before
  t.ok(grown < 100 * MIB, `${Math.round(grown / MIB)} MiB more`)
  t.ok(stream.messages.length < 100)
  raw.close()
})

t.test('a slow reader gets every byte in its order', { timeout: 60_000 }, async (t) => {
  const { task, dir, path } = await fixture(t)
  const raw = await download(t, `${task}/log?follow=true`, { read: false })
  const stream = await events(t, task)
  let log = ''
  for (let part = 0; part < 60; part++) {
    const text = Array.from({ length: 2000 }, (_, index) => `${part} ${index} ${'日本é'.repeat(index % 7)}\n`).join('')
    log += text
    await appendFile(path, text)
    if (part % 10 === 0) stream.resume()
    else if (part % 10 === 1) stream.pause()
  }
  await putTask(dir, ID, { status: 'completed' })
  stream.resume()
  raw.read()
  t.match(await ended(stream), { id: `${Buffer.byteLength(log)}-end` })
  t.equal(textOf(stream) === log, true)
  t.equal(stream.messages.some(({ data }) => data.lossy === true || data.truncated === true), false)
  t.equal(await raw.end, 'ended')
  t.equal(String(raw.bytes) === log, true)
})

t.test('a server that closes cuts who follows, and ends event streams at once', async (t) => {
  const { app, task } = await fixture(t, 'x\n')
  const raw = await download(t, `${task}/log?follow=true`)
  await raw.until((text) => text === 'x\n')
  const stream = await events(t, task)
  await stream.find(() => true)
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 900, `${performance.now() - started} ms`)
  t.equal(await raw.end, 'cut', 'an end would say that the task has ended')
  await waitFor(() => stream.closed)
  t.match([stream.response.complete, stream.messages.length], [true, 1])
})

t.test('a server that closes waits for no client that does not read', async (t) => {
  const { app, task } = await fixture(t, Buffer.alloc(50 * MIB, 'x'))
  const raw = await download(t, `${task}/log?follow=true`, { read: false })
  const stream = await events(t, task)
  stream.pause()
  await (await fetch(`${task}/log`)).arrayBuffer()
  const started = performance.now()
  await app.close()
  t.ok(performance.now() - started < 3000, `${performance.now() - started} ms`)
  raw.read()
  t.equal(await raw.end, 'cut')
})

t.test('too many clients', async (t) => {
  const { task, url } = await fixture(t, 'x\n', { maxClients: 2 })
  const raw = await download(t, `${task}/log?follow=true`)
  const stream = await events(t, task)
  const refused = await fetch(`${task}/log?follow=true&tail=1`)
  t.match([refused.status, refused.headers.get('content-type'), refused.headers.get('etag'), await refused.json()],
    [503, 'application/json; charset=utf-8', null, { statusCode: 503, code: 'FST_TASKS_TOO_MANY_CLIENTS' }])
  const later = await fetch(`${task}/log/events`)
  t.match([later.status, later.headers.get('content-type'), await later.text()], [200, 'text/event-stream', /^retry: [1-3]\d{4}\n\n$/])
  const feed = await fetch(`${url}/events`)
  t.match(await feed.text(), /^retry: [1-3]\d{4}\n\n$/, 'they are counted together')
  t.equal((await fetch(`${task}/log`)).status, 200, 'who does not stay is not counted')
  raw.close()
  await waitFor(async () => await clients(url) === 1)
  await (await download(t, `${task}/log?follow=true`)).until((text) => text === 'x\n')
  stream.close()
})

t.test('too many clients of one address', async (t) => {
  const { task, url } = await fixture(t, 'x\n', { maxClientsPerAddress: 2 })
  const from = async (localAddress: string) => await download(t, `${task}/log?follow=true`, { localAddress })
  const first = await from('127.0.0.1')
  t.equal((await from('127.0.0.1')).response.statusCode, 200)
  t.equal((await from('127.0.0.1')).response.statusCode, 503)
  t.equal((await from('127.0.0.2')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 503)
  first.close()
  await waitFor(async () => await clients(url) === 3)
  t.equal((await from('127.0.0.1')).response.statusCode, 200)
  t.equal((await from('127.0.0.2')).response.statusCode, 503)
})

t.test('over HTTP/2: an end, a client that leaves, and a server that closes', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, ID, { status: 'running' })
  await writeFile(join(dir, `${ID}.log`), 'one\n')
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  t.teardown(() => session.destroy())
  const get = (path: string) => {
    const stream = session.request({ ':path': `/api/tasks/${ID}${path}` })
    const client = { stream, text: '', cut: false, ended: once(stream, 'close').catch(() => {}) }
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => { client.text += text })
    stream.on('error', () => { client.cut = true })
    return client
  }
  const paths = ['/log?follow=true', '/log/events']
  const begun = async () => {
    const clients = paths.map(get)
    await waitFor(() => clients.every(({ text }) => text.includes('one')), { every: 1 })
    return clients as [ReturnType<typeof get>, ReturnType<typeof get>]
  }
  const emptied = async () => await waitFor(async () => (await app.tasks.health()).sseClients === 0, { timeout: 3000, every: 1 })
  for (const { stream } of await begun()) stream.close()
  await emptied()
  for (let turns = 0; turns < 20; turns++) {
    const clients = paths.map(get)
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    for (const { stream } of clients) stream.close(constants.NGHTTP2_CANCEL)
  }
  await emptied()
  const [raw] = await begun()
  await app.close()
  await raw.ended
  t.equal(raw.cut, true, 'an end would say that the task has ended')
})

// Events of one log

t.test('a log as events: contiguous, cut at characters, with ids to go on from', async (t) => {
  const { task, dir, path } = await fixture(t)
  const stream = await events(t, task)
  t.match([stream.response.statusCode, stream.response.headers], [200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }])
  const text = 'aé日😀\n'
  for (const byte of Buffer.from(text)) {
    await appendFile(path, Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  await stream.until(() => textOf(stream) === text)
  for (const { id, event, data } of stream.messages) {
    t.match([id, event, Object.keys(data)], [String(data.end), 'message', ['offset', 'end', 'chunk']])
    t.equal(Buffer.byteLength(data.chunk), data.end - data.offset)
  }
  await appendFile(path, Buffer.from([0xff, 0x41, 0x0a]))
  const lossy = await stream.find(({ data }) => data.lossy === true)
  t.strictSame(lossy, { id: '14', event: 'message', data: { offset: 11, end: 14, chunk: '\ufffdA\n', lossy: true } })
  await appendFile(path, Buffer.from([0x62, 0xf0, 0x9f]))
  await stream.find(({ data }) => data.chunk === 'b')
  await putTask(dir, ID, { status: 'cancelled' })
  t.strictSame(await ended(stream), { id: '17-end', event: 'end', data: { status: 'cancelled' } })
  t.strictSame(stream.messages.at(-2), { id: '17', event: 'message', data: { offset: 15, end: 17, chunk: '\ufffd', lossy: true } }, 'an incomplete character waits for its rest, or for the end')
  await waitFor(() => stream.closed)
  t.equal(stream.response.complete, true)
})

t.test('resuming a log\'s events', async (t) => {
  const { task, app, dir, path } = await fixture(t, 'one\ntwé\n')
  const first = await events(t, task)
  await first.until(() => textOf(first) === 'one\ntwé\n')
  first.close()
  await appendFile(path, 'three\n')
  const resumed = async (query: string, headers: Record<string, string> = {}, url = task) => {
    const stream = await events(t, url, query, headers)
    const { id, data } = await stream.find(() => true)
    stream.close()
    return [id, data.offset, data.chunk, data.truncated]
  }
  const rest = ['15', 9, 'three\n', undefined]
  t.strictSame(await resumed('', { 'last-event-id': first.lastEventId }), rest)
  t.strictSame(await resumed('?lastEventId=9'), rest)
  t.strictSame(await resumed('?position=9'), rest)
  t.strictSame(await resumed('?lastEventId=4&position=2', { 'last-event-id': '9' }), rest, 'the header wins')
  t.strictSame(await resumed('?lastEventId=9&position=2'), rest)
  t.strictSame(await resumed('?lastEventId=&position=9', { 'last-event-id': '' }), rest)
  t.strictSame(await resumed('?lastEventId=9-end'), rest, 'the task goes on')
  t.strictSame(await resumed('?position=0'), ['15', 0, 'one\ntwé\nthree\n', undefined])
  t.strictSame(await resumed('?position=8'), ['15', 8, '\nthree\n', undefined])
  for (const id of ['x', '-1', '1.5', '9-ende', 'abc-12', '99', '99-end', '1'.repeat(16), '9 9', '0x9']) {
    for (const [query, headers] of [[`?lastEventId=${id}`, {}], ['', { 'last-event-id': id }]] as const) {
      const stream = await events(t, task, query, headers)
      await stream.until(() => stream.messages.length > 1)
      t.strictSame(stream.messages.slice(0, 2).map(({ id, data }) => [id, data.offset, data.chunk, data.truncated]), [['0', 0, '', true], ['15', 0, 'one\ntwé\nthree\n', undefined]], id)
      stream.close()
    }
  }
  for (const query of ['position=x', 'position=-1', `lastEventId=${'1'.repeat(101)}`, 'what=1']) {
    t.match(await (await fetch(`${task}/log/events?${query}`)).json(), { statusCode: 400, code: 'FST_TASKS_VALIDATION' }, query)
  }
  await app.close()
  const second = await startServer(t, { dir })
  t.strictSame(await resumed('', { 'last-event-id': first.lastEventId }, `${second.url}/${ID}`), rest, 'also across a restart')
})

t.test('the end of a log\'s events is told until the client knows it', async (t) => {
  const { task, url, dir, path } = await fixture(t, 'one\n', { status: 'failed' })
  const first = await events(t, task)
  t.strictSame(await ended(first), { id: '4-end', event: 'end', data: { status: 'failed' } })
  const again = async (id: string, of = task) => await fetch(`${of}/log/events`, { headers: { 'last-event-id': id, accept: 'text/event-stream' } })
  const known = await again('4-end')
  t.match([known.status, await known.text()], [204, ''])
  t.equal((await fetch(`${task}/log/events?lastEventId=4-end`)).status, 204)
  const tail = await again('4')
  t.match([tail.status, await tail.text()], [200, /^retry: \d+\n\nid: 4-end\nevent: end\ndata: {"status":"failed"}\n\n$/], 'the end itself was not seen')
  await appendFile(path, 'more')
  t.match(await (await again('4-end')).text(), /id: 8\ndata: {"offset":4,"end":8,"chunk":"more"}\n\nid: 8-end\nevent: end/)
  await putTask(dir, ID, { status: 'running', again: true })
  await waitFor(async () => (await (await fetch(task)).json() as { status: string }).status === 'running', { every: 1 })
  const running = await events(t, task, '', { 'last-event-id': '8-end' })
  await appendFile(path, '!')
  t.strictSame((await running.find(() => true)).data, { offset: 8, end: 9, chunk: '!' })
  running.close()

  // without a log, and with a status of its own: the end comes once
  for (const [id, fields] of [['task_2_none', { status: 'cancelled' }], ['task_3_own', { status: 'paused' }]] as const) {
    await putTask(dir, id, fields)
    await waitFor(async () => (await fetch(`${url}/${id}`)).status === 200, { every: 1 })
    const stream = await events(t, `${url}/${id}`)
    t.strictSame(await ended(stream), { id: '0-end', event: 'end', data: { status: id === 'task_2_none' ? 'cancelled' : null } })
    t.equal((await again('0-end', `${url}/${id}`)).status, 204, `${id} comes back for ever`)
    t.equal((await again('9-end', `${url}/${id}`)).status, 200)
  }
})

t.test('a head, and who wants something else', async (t) => {
  const { task } = await fixture(t, 'x')
  const head = await fetch(`${task}/log/events`, { method: 'HEAD' })
  t.match([head.status, head.headers.get('content-type'), head.headers.get('cache-control')], [200, 'text/event-stream', 'no-cache, no-transform'])
  for (const accept of ['application/json', 'text/html', 'text/event-stream;q=0']) {
    t.equal((await fetch(`${task}/log/events`, { headers: { accept } })).status, 406, accept)
  }
})

// Search

interface Found { matches: Array<{ offset: number, line: string }>, next: number | null }

t.test('searching a log', async (t) => {
  const lines = ['Error: one', 'fine', 'é 日本 ERROR two\r', 'error (three)', '[error].*', 'last error']
  const { task, url, path, dir } = await fixture(t, Buffer.concat([Buffer.from([0xff, 0xc3, 0x0a]), Buffer.from(lines.join('\n'))]))
  const search = async (query: Record<string, string>) => {
    const response = await fetch(`${task}/log/search?${new URLSearchParams(query).toString()}`)
    t.equal(response.status, 200)
    return await response.json() as Found
  }
  const all = await search({ q: 'error' })
  t.strictSame(all.matches.map(({ line }) => line), ['last error', '[error].*', 'error (three)', 'é 日本 ERROR two', 'Error: one'])
  t.equal(all.next, null)
  const log = await readFile(path)
  for (const { offset, line } of all.matches) {
    t.equal(log.subarray(offset, offset + Buffer.byteLength(line)).toString(), line)
    t.ok(log[offset - 1] === 0x0a)
  }
  t.strictSame((await search({ q: ']' })).matches.map(({ line }) => line), ['[error].*'])
  t.strictSame((await search({ q: '.*' })).matches.map(({ line }) => line), ['[error].*'])
  const paged: Found['matches'] = []
  let next: number | null = log.length
  while (next !== null) {
    const page: Found = await search({ q: 'error', limit: '2', before: String(next) })
    paged.push(...page.matches)
    next = page.next
  }
  t.strictSame(paged, all.matches)
  t.strictSame(await search({ q: 'error', before: '0' }), { matches: [], next: null })
  t.strictSame(await search({ q: 'nothing' }), { matches: [], next: null })
  for (const query of ['', 'q=', `q=${'x'.repeat(201)}`, 'q=a%0Ab', 'q=a%0D', 'q=a&q=b', 'q=a&limit=0', 'q=a&limit=1001', 'q=a&limit=-1', 'q=a&limit=x', 'q=a&limit=', 'q=a&before=-1', 'q=a&before=x', 'q=a&before=1.5', 'q=a&before=', 'q=a&what=1']) {
    const response = await fetch(`${task}/log/search?${query}`)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION' }], query)
  }
  t.equal((await search({ q: '😀'.repeat(100), limit: '1000' })).next, null)
  await putTask(dir, 'task_2_none')
  await waitFor(async () => (await fetch(`${url}/task_2_none`)).status === 200, { every: 1 })
  t.strictSame(await (await fetch(`${url}/task_2_none/log/search?q=x`)).json(), { matches: [], next: null })
})

t.test('searching much takes a second at a time, and ends with its client', { timeout: 60_000 }, async (t) => {
  const { task, path, dir } = await fixture(t, 'needle\n')
  const size = 4096 * MIB
  await truncate(path, size)
  const started = performance.now()
  const { matches, next } = await (await fetch(`${task}/log/search?q=needle`)).json() as Found
  const ms = performance.now() - started
  t.strictSame(matches, [])
  t.ok(next !== null && next > 0 && next < size, String(next))
  t.ok(ms < 3000, `${ms} ms`)
  t.comment(`${Math.round((size - next!) / MIB / ms * 1000)} MiB/s of NUL bytes`)
  t.match(await (await fetch(`${task}/log/search?q=needle&before=1000000`)).json(), { matches: [{ offset: 0 }], next: null })
  const client = new Download(`${task}/log/search?q=needle`)
  t.teardown(() => client.close())
  await waitFor(async () => await descriptors(dir) > 0, { every: 1 })
  const left = performance.now()
  client.close()
  let quiet = 0
  await waitFor(async () => { quiet = await descriptors(dir) === 0 ? quiet + 1 : 0; return quiet === 10 }, { every: 1 })
  t.ok(performance.now() - left < 700, `${performance.now() - left} ms`)
})

t.test('who leaves in the middle of a log leaves no subscription behind', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, ID, { status: 'running' })
  await writeFile(join(dir, `${ID}.log`), Buffer.alloc(20 * MIB, 'line\n'))
  const store = new DirectoryStore(dir)
  const subscribed = new Set<object>()
  const subscribe = store.subscribe.bind(store)
  store.subscribe = (listener, interest) => {
    const [key, unsubscribe] = [{}, subscribe(listener, interest)]
    subscribed.add(key)
    return () => {
      subscribed.delete(key)
      unsubscribe()
    }
  }
  const { url } = await startServer(t, { store })
  await fetch(url)
  const before = subscribed.size
  for (const path of ['log/events', 'log?follow=true']) {
    const asked = request(`${url}/${ID}/${path}`, { agent: false })
    asked.on('error', () => {})
    asked.end()
    const [response] = await once(asked, 'response') as [IncomingMessage]
    await once(response, 'data')
    t.equal(subscribed.size, before + 1)
    response.on('error', () => {})
    asked.destroy()
    await waitFor(() => subscribed.size === before)
  }
})
