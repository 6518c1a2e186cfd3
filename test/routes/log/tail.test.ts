import { appendFile, truncate, writeFile } from 'node:fs/promises'
import t from 'tap'
import { download, ID, KIB, MIB, startTaskServer } from './fixtures.ts'

const LONG_LINE = `${'x'.repeat(70 * KIB)}\n`
const MANY_LINES = Array.from({ length: 100_000 }, (_, index) => `line ${index} ${'é'.repeat(index % 50)}\n`).join('')

t.test('GET and HEAD with tail return the last lines', async (t) => {
  const { task, path } = await startTaskServer(t, '')
  const table: Array<[log: string, lines: number, tail: string]> = [
    ['', 0, ''], ['', 3, ''], ['a\nb\nc\n', 0, ''], ['a\nb\nc\n', 1, 'c\n'], ['a\nb\nc\n', 2, 'b\nc\n'], ['a\nb\nc\n', 99, 'a\nb\nc\n'],
    ['a\nb\nc', 1, 'c'], ['a\nb\nc', 2, 'b\nc'], ['a\r\nb\r\n', 1, 'b\r\n'], ['a\n\n', 1, '\n'], ['one', 1, 'one'],
    [LONG_LINE.repeat(3), 2, LONG_LINE.repeat(2)], [`${LONG_LINE.repeat(2)}end`, 2, `${LONG_LINE}end`],
    [MANY_LINES, 1000, MANY_LINES.split('\n').slice(-1001).join('\n')]
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
})

t.test('the tail of a sparse log of 1 TB is limited', async (t) => {
  const { app, task, path } = await startTaskServer(t, '')
  const size = 2 ** 40
  await truncate(path, size)
  for (const query of ['', '&follow=true']) {
    const { response } = await download(t, `${task}/log?tail=1${query}`, { read: false })
    const position = Number(response.headers['log-position'])
    t.ok(size - 64 * MIB <= position && position < size, `Log-Position of tail=1${query}: ${position}`)
  }
  const log = await app.tasks.readLog(ID, { tail: 1 })
  log?.body.destroy()
  t.ok(log !== undefined && log.end === size && log.end - log.start <= 64 * MIB, `readLog: ${log?.start}`)
  await appendFile(path, 'a\nb\n')
  // the line before `b` is longer than the limit
  t.equal(await (await fetch(`${task}/log?tail=2`)).text(), 'b\n')
})

t.test('invalid queries of a log are rejected with 400', async (t) => {
  const { task } = await startTaskServer(t, '')
  for (const query of ['tail=1&position=1', 'tail=-1', 'tail=x', 'tail=', 'tail=1e3', 'tail=1&tail=2', 'follow=yes', 'follow=', 'what=1']) {
    const response = await fetch(`${task}/log?${query}`)
    t.match([response.status, await response.json()], [400, { code: 'FST_TASKS_VALIDATION' }], query)
    t.equal((await fetch(`${task}/log?${query}`, { method: 'HEAD' })).status, 400, `HEAD ${query}`)
  }
})
