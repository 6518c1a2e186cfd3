import { readFile, truncate } from 'node:fs/promises'
import t, { type Test } from 'tap'
import type { SearchResult } from '../../../lib/index.ts'
import { putTask, untilKnown, waitFor } from '../../helpers.ts'
import { Download, MIB, openFiles, startTaskServer, type TaskServer } from './fixtures.ts'

const LINES = ['Error: one', 'fine', 'é 日本 ERROR two\r', 'error (three)', '[error].*', 'last error']
/** The first line is not UTF-8. */
const LOG = Buffer.concat([Buffer.from([0xff, 0xc3, 0x0a]), Buffer.from(LINES.join('\n'))])

type Search = (query: Record<string, string>) => Promise<SearchResult>

async function startSearch (t: Test): Promise<TaskServer & { search: Search }> {
  const server = await startTaskServer(t, LOG)
  const search: Search = async (query) => {
    const response = await fetch(`${server.task}/log/search?${new URLSearchParams(query).toString()}`)
    t.equal(response.status, 200)
    return await response.json() as SearchResult
  }
  return { ...server, search }
}

t.test('a search returns the matching lines, last one first, with their offsets', async (t) => {
  const { search, path } = await startSearch(t)
  const { matches, next } = await search({ q: 'error' })
  t.strictSame(matches.map(({ line }) => line), ['last error', '[error].*', 'error (three)', 'é 日本 ERROR two', 'Error: one'])
  t.equal(next, null)
  const log = await readFile(path)
  for (const { offset, line } of matches) {
    t.equal(log.subarray(offset, offset + Buffer.byteLength(line)).toString(), line)
    t.ok(log[offset - 1] === 0x0a, `a line starts at ${offset}`)
  }
})

t.test('a search takes its text literally', async (t) => {
  const { search } = await startSearch(t)
  t.strictSame((await search({ q: ']' })).matches.map(({ line }) => line), ['[error].*'])
  t.strictSame((await search({ q: '.*' })).matches.map(({ line }) => line), ['[error].*'])
})

t.test('a search continues at `next`', async (t) => {
  const { search } = await startSearch(t)
  const paged: SearchResult['matches'] = []
  let next: number | null = LOG.length
  while (next !== null) {
    const page: SearchResult = await search({ q: 'error', limit: '2', before: String(next) })
    paged.push(...page.matches)
    next = page.next
  }
  t.strictSame(paged, (await search({ q: 'error' })).matches)
})

t.test('a search without matches returns an empty result', async (t) => {
  const { search, url, dir } = await startSearch(t)
  t.strictSame(await search({ q: 'error', before: '0' }), { matches: [], next: null })
  t.strictSame(await search({ q: 'nothing' }), { matches: [], next: null })
  t.equal((await search({ q: '😀'.repeat(100), limit: '1000' })).next, null)
  await putTask(dir, 'task_2_none')
  await untilKnown(url, 'task_2_none')
  t.strictSame(await (await fetch(`${url}/task_2_none/log/search?q=x`)).json(), { matches: [], next: null }, 'a task without a log')
})

t.test('invalid searches are rejected with 400', async (t) => {
  const { task } = await startTaskServer(t, LOG)
  for (const query of ['', 'q=', `q=${'x'.repeat(201)}`, 'q=a%0Ab', 'q=a%0D', 'q=a&q=b', 'q=a&limit=0', 'q=a&limit=1001', 'q=a&limit=-1', 'q=a&limit=x', 'q=a&limit=', 'q=a&before=-1', 'q=a&before=x', 'q=a&before=1.5', 'q=a&before=', 'q=a&what=1']) {
    const response = await fetch(`${task}/log/search?${query}`)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION' }], query)
  }
})

t.test('a search of a large log stops after about a second, and continues from there', { timeout: 60_000 }, async (t) => {
  const { task, path } = await startTaskServer(t, 'needle\n')
  const size = 4096 * MIB
  await truncate(path, size)
  const started = performance.now()
  const { matches, next } = await (await fetch(`${task}/log/search?q=needle`)).json() as SearchResult
  const ms = performance.now() - started
  t.strictSame(matches, [])
  t.ok(next !== null && next > 0 && next < size, `next is ${next}`)
  t.ok(ms < 3000, `${ms} ms`)
  t.comment(`${Math.round((size - next!) / MIB / ms * 1000)} MiB/s of NUL bytes`)
  t.match(await (await fetch(`${task}/log/search?q=needle&before=1000000`)).json(), { matches: [{ offset: 0 }], next: null })
})

t.test('a search stops when its client disconnects', async (t) => {
  const { task, path, dir } = await startTaskServer(t, 'needle\n')
  await truncate(path, 4096 * MIB)
  const client = new Download(`${task}/log/search?q=needle`)
  t.teardown(() => client.close())
  await waitFor(async () => await openFiles(dir) > 0, { every: 1 })
  const disconnected = performance.now()
  client.close()
  let idleChecks = 0
  await waitFor(async () => {
    idleChecks = await openFiles(dir) === 0 ? idleChecks + 1 : 0
    return idleChecks === 10
  }, { every: 1, describe: () => openFiles(dir) })
  t.ok(performance.now() - disconnected < 700, `${performance.now() - disconnected} ms`)
})
