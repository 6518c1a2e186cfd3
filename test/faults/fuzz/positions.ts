import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { putTask, untilKnown } from '../../helpers.ts'
import type { Random } from '../../random.ts'
import { randomBytes } from './bytes.ts'
import { get, type Answer } from './get.ts'
import type { FuzzedServer } from './fuzzed-server.ts'
import type { Lane, Step } from './lanes.ts'
import { NumberedLog } from './numbered-log.ts'

const DONE = 'task_1000_done'
const GROWING = 'task_1001_growing'
const SPARSE = 'task_1002_sparse'
const ODD = 'task_1003_odd'
const WITHOUT_LOG = 'task_1004_none'
const DONE_BYTES = 300_003
const SPARSE_BYTES = 2 ** 40
/** How long a stream is read at most. */
const STREAM_MS = 100

/** Random positions: in logs, in the feed, and in the list. */
export async function positionSteps (server: FuzzedServer, random: Random): Promise<Record<string, Step>> {
  const { url } = server
  const growing = await makeTasks(server, random)
  const feedIds: string[] = ['0']
  const change: Step = async ({ random, pause }) => {
    await putTask(server.dir, `task_${2000 + random.below(30)}_p`, { version: random.below(1000), status: random.pick(['queued', 'running', 'completed']) })
    await pause(random.below(50))
  }
  const grow: Step = async ({ random, pause }) => {
    await growing.grow(1 + random.below(5000), async (bytes) => await appendFile(join(server.dir, `${GROWING}.log`), bytes))
    await pause(random.below(50))
  }
  const log: Step = async (lane) => await readPart(lane, url, growing)
  return {
    change,
    grow,
    log1: log,
    log2: log,
    range: async (lane) => await readRange(lane, url),
    end: async (lane) => await readEnd(lane, url),
    follow: async (lane) => await follow(lane, url, growing),
    events: async (lane) => await followEvents(lane, url, growing),
    search: async (lane) => await search(lane, url),
    feed: async (lane) => await openFeed(lane, url, feedIds),
    list: async (lane) => await list(lane, url)
  }
}

async function makeTasks ({ url, dir }: FuzzedServer, random: Random): Promise<NumberedLog> {
  const growing = new NumberedLog()
  await writeFile(join(dir, `${DONE}.log`), NumberedLog.bytes(0, DONE_BYTES))
  await growing.grow(1000, async (bytes) => await writeFile(join(dir, `${GROWING}.log`), bytes))
  await writeFile(join(dir, `${ODD}.log`), randomBytes(random, 20_000))
  await writeFile(join(dir, `${SPARSE}.log`), '')
  await truncate(join(dir, `${SPARSE}.log`), SPARSE_BYTES)
  for (const id of [DONE, SPARSE, ODD, WITHOUT_LOG]) await putTask(dir, id, { status: 'completed' })
  await putTask(dir, GROWING, { status: 'running' })
  for (const id of [DONE, SPARSE, ODD, WITHOUT_LOG, GROWING]) await untilKnown(url, id)
  return growing
}

/** A position near something of interest, or a text that is none. */
function randomPosition (random: Random, size: number): string {
  if (random.below(5) === 0) return random.pick(['', '-1', '+1', '1e3', '0x1', '1.5', ' 1', 'x', 'null', '9'.repeat(16), '9'.repeat(300), '1-end', '%00', '1,2', '\u0661'])
  return String(random.pick([0, 1, 15, 16, size - 1, size, size + 1, random.below(size + 1), random.below(size + 1), random.below(size + 1), 2 ** 31, 2 ** 32 + 1, 999_999_999_999_999]))
}

function isPosition (text: string): boolean {
  return /^\d{1,15}$/.test(text)
}

async function readPart (lane: Lane, url: string, growing: NumberedLog): Promise<void> {
  const { random, note } = lane
  const id = random.pick([DONE, DONE, GROWING, SPARSE, ODD, WITHOUT_LOG])
  const size = id === DONE ? DONE_BYTES : id === GROWING ? growing.size : id === SPARSE ? SPARSE_BYTES : 20_000
  const position = randomPosition(random, size)
  const path = `${url}/${id}/log?position=${encodeURIComponent(position)}`
  note(path)
  const answer = await get(path, { maxBytes: 1e6 })
  if (id === WITHOUT_LOG) return expect(answer, isPosition(position) ? 404 : 400)
  if (!isPosition(position)) return expect(answer, 400)
  // the log may have grown meanwhile
  if (id === GROWING && Number(position) > size) return
  expect(answer, Number(position) > size ? 416 : 200)
  if (answer.status === 200 && (id === DONE || id === GROWING)) checkBytes(answer, Number(position))
  if (answer.status === 200 && id === DONE) checkEnd(answer, Number(position), DONE_BYTES)
}

async function readRange ({ random, note }: Lane, url: string): Promise<void> {
  const [first, last] = [randomPosition(random, DONE_BYTES), randomPosition(random, DONE_BYTES)]
  const range = random.pick([`bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`, `bytes=${first}-${last},${last}-${first}`, `bits=${first}-`, `${first}-${last}`])
  const headers: Record<string, string> = { range: encodeURI(range) }
  const etag = (await get(`${url}/${DONE}/log`, { method: 'HEAD' })).headers.etag!
  if (random.below(3) === 0) headers['if-range'] = random.pick([etag, '"other"'])
  if (random.below(5) === 0) headers['if-none-match'] = random.pick([etag, '*', '"other"'])
  note(`range ${JSON.stringify(headers)}`)
  const answer = await get(`${url}/${DONE}/log`, { headers, maxBytes: 1e6 })
  if (answer.status === 304 || answer.status === 416) return
  const [, start, end] = /^bytes (\d+)-(\d+)\/300003$/.exec(answer.headers['content-range'] ?? '') ?? []
  expect(answer, start === undefined ? 200 : 206)
  checkBytes(answer, Number(start ?? 0))
  checkEnd(answer, Number(start ?? 0), end === undefined ? DONE_BYTES : Number(end) + 1)
}

async function readEnd ({ random, note }: Lane, url: string): Promise<void> {
  const [id, size] = random.pick([[DONE, DONE_BYTES], [DONE, DONE_BYTES], [ODD, 20_000], [SPARSE, SPARSE_BYTES]] as const)
  const lines = random.below(4) === 0 ? randomPosition(random, 1000) : String(random.below(20_000))
  note(`${id} tail=${lines}`)
  const answer = await get(`${url}/${id}/log?tail=${encodeURIComponent(lines)}`, { maxBytes: 1e6 })
  if (!/^\d{1,9}$/.test(lines)) return expect(answer, 400)
  expect(answer, 200)
  if (id !== DONE) return
  // the last line is not complete, and counts
  const start = lines === '0' ? size : Math.max(0, size - size % 16 - (Number(lines) - 1) * 16)
  checkBytes(answer, start)
  checkEnd(answer, start, size)
}

async function follow ({ random, note }: Lane, url: string, growing: NumberedLog): Promise<void> {
  const id = random.pick([DONE, GROWING, GROWING])
  const size = id === DONE ? DONE_BYTES : growing.size
  const position = randomPosition(random, size)
  note(`${id} follow position=${position}`)
  const answer = await get(`${url}/${id}/log?follow=true&position=${encodeURIComponent(position)}`, { ms: random.below(STREAM_MS) })
  if (!isPosition(position)) return expect(answer, 400, 0)
  if (Number(position) > size) return
  expect(answer, 200, 0)
  if (answer.status === 200) checkBytes(answer, Number(position))
}

async function followEvents ({ random, note }: Lane, url: string, growing: NumberedLog): Promise<void> {
  const id = random.pick([DONE, GROWING, GROWING, SPARSE, ODD, WITHOUT_LOG])
  const position = random.pick([randomPosition(random, id === DONE ? DONE_BYTES : growing.size), '5-end', `${DONE_BYTES}-end`])
  const name = random.pick(['position', 'lastEventId', 'header'])
  note(`${id} events ${name}=${position}`)
  const answer = await get(`${url}/${id}/log/events${name === 'header' ? '' : `?${name}=${encodeURIComponent(position)}`}`, {
    headers: { accept: 'text/event-stream', ...(name === 'header' && { 'last-event-id': encodeURI(position) }) }, ms: random.below(STREAM_MS), maxBytes: 1e6
  })
  expect(answer, [200, 204, ...((name === 'position' ? !isPosition(position) : position.length > 100) ? [400] : [])], 0)
  let end: number | undefined
  for (const { offset, end: next, chunk } of eventsOf(answer)) {
    if (chunk === undefined) continue
    if (end !== undefined && offset !== end) throw new Error(`an event at ${offset} after ${end}`)
    if (id === DONE || id === GROWING) checkBytes({ ...answer, body: Buffer.from(chunk as string) }, offset as number)
    end = next as number
  }
}

async function search ({ random, note }: Lane, url: string): Promise<void> {
  const id = random.pick([DONE, DONE, SPARSE, ODD, WITHOUT_LOG])
  const q = random.pick(['1', '77', '000123', '0', 'x', '%0A', '', 'é', '.*', '['.repeat(200), '9'.repeat(201), '%00', '%F0%9F%99%82'])
  const before = random.below(2) === 0 ? `&before=${encodeURIComponent(randomPosition(random, DONE_BYTES))}` : ''
  const limit = random.below(2) === 0 ? `&limit=${random.pick(['0', '1', '5', '1000', '1001', '-1', 'x'])}` : ''
  note(`${id} search q=${q}${before}${limit}`)
  const answer = await get(`${url}/${id}/log/search?q=${q}${before}${limit}`)
  expect(answer, [200, 400, 404, 416])
  if (answer.status !== 200 || id !== DONE) return
  for (const { offset, line } of (JSON.parse(answer.body.toString()) as { matches: Array<{ offset: number, line: string }> }).matches) {
    if (!line.includes(q)) throw new Error(`${line} does not contain ${q}`)
    checkBytes({ ...answer, body: Buffer.from(line) }, offset)
  }
}

async function openFeed ({ random, note }: Lane, url: string, feedIds: string[]): Promise<void> {
  const known = random.pick(feedIds)
  const id = random.pick([known, known, known, known.replace(/\d/, '9'), known.slice(0, -1), `${known}0`, `-${known}`, known.toUpperCase(), randomPosition(random, 1000), 'x'.repeat(random.below(300)), `${known}:${known}`])
  const headers = random.below(2) === 0 ? { 'last-event-id': encodeURI(id) } : {}
  const query = [`lastEventId=${encodeURIComponent(id)}`, random.pick(['', 'logs=false', 'logs=x', 'log=task_1001_growing', 'log=x', 'task=task_1001_growing', `task=${'9'.repeat(random.below(300))}`])].join('&')
  note(`feed ${JSON.stringify(headers)} ${query}`)
  const answer = await get(`${url}/events?${query}`, { headers: { accept: 'text/event-stream', ...headers }, ms: random.below(STREAM_MS), maxBytes: 1e6 })
  expect(answer, [200, 400], 0)
  if (answer.status !== 200 || answer.body.length === 0) return
  for (const [, id] of answer.body.toString().matchAll(/^id: (.+)$/gm)) feedIds.push(id!)
  if (feedIds.length > 100) feedIds.splice(0, 50)
  const events = eventsOf(answer)
  if (events.length > 0 && typeof events[0]!.resumed !== 'boolean') throw new Error(`the first event is ${JSON.stringify(events[0])}`)
}

async function list ({ random, note }: Lane, url: string): Promise<void> {
  const query = [
    `limit=${random.pick(['1', '3', '1000', '0', '-1', '999999999', '9999999999', 'x', ''])}`,
    ...(random.below(2) === 0 ? [`before=${random.pick(['task_1000_done', 'task_2005_p', 'task_0_0', 'task_99999999999999999999_z', 'x', '', `task_${'9'.repeat(80)}_a`, '%00'])}`] : []),
    ...(random.below(3) === 0 ? [`status=${random.pick(['queued', 'running', 'x', ''])}`, 'status=completed'] : [])
  ].join('&')
  note(`list ${query}`)
  const answer = await get(`${url}?${query}`)
  expect(answer, [200, 400])
  if (answer.status !== 200) return
  const ids = (JSON.parse(answer.body.toString()) as Array<{ id: string }>).map(({ id }) => id)
  if (new Set(ids).size !== ids.length) throw new Error(`the list repeats ids: ${ids.join()}`)
}

/** The data of the complete events. */
function eventsOf ({ body }: Answer): Array<Record<string, unknown>> {
  const complete = body.toString().split('\n\n').slice(0, -1)
  return complete.flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>))
}

/** @param statuses what is allowed; 0: the client left before the answer. 503 is always allowed: too many streaming clients */
function expect (answer: Answer, ...statuses: Array<number | readonly number[]>): void {
  if (![503, ...statuses.flat()].includes(answer.status)) throw new Error(`status ${answer.status} instead of ${statuses.flat().join()}: ${answer.body.toString('latin1', 0, 300)}`)
}

function checkBytes ({ body }: Answer, position: number): void {
  const expected = NumberedLog.bytes(position, position + body.length)
  if (!body.equals(expected)) throw new Error(`from ${position}: ${body.length} bytes ${body.toString('latin1', 0, 50)} instead of ${expected.toString('latin1', 0, 50)}`)
}

function checkEnd ({ body }: Answer, position: number, end: number): void {
  if (position + body.length !== end) throw new Error(`from ${position}: ${body.length} bytes instead of ${end - position}`)
}
