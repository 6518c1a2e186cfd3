import { truncate, unlink, writeFile } from 'node:fs/promises'
import t from 'tap'
import type { TaskStore } from '../../../lib/index.ts'
import { download, MIB, startTaskServer, untilNoOpenFiles } from './fixtures.ts'

const LOG = Buffer.alloc(40 * MIB, 'x')

t.test('a log that is truncated while it is sent closes the connection instead of waiting for the rest', async (t) => {
  const { task, path } = await startTaskServer(t, LOG)
  for (const query of ['', '?position=5', '?tail=1']) {
    await writeFile(path, LOG)
    // a client could detect the missing bytes by itself if the connection ended with the response
    const client = await download(t, `${task}/log${query}`, { read: false, headers: { connection: 'keep-alive' } })
    await truncate(path, 100)
    client.read()
    t.equal(await client.end, 'cut', query)
  }
  const ranged = await download(t, `${task}/log`, { headers: { range: 'bytes=0-49' } })
  t.equal(await ranged.end, 'complete', 'a range of the remaining bytes')
})

t.test('a log that is deleted while it is sent is sent to its end', async (t) => {
  const { task, path } = await startTaskServer(t, LOG)
  const client = await download(t, `${task}/log`, { read: false, keep: false })
  await unlink(path)
  client.read()
  t.match([await client.end, client.size], ['complete', 40 * MIB])
  t.equal((await fetch(`${task}/log`)).status, 404)
})

t.test('a client that disconnects while a log is sent closes the file', async (t) => {
  const { task, dir } = await startTaskServer(t, LOG)
  const client = await download(t, `${task}/log`, { read: false })
  client.close()
  await untilNoOpenFiles(dir)
})

/** Changes the log after the store has described it once. */
function afterDescription (store: TaskStore, change: () => Promise<void>): void {
  const { readLog } = store
  store.readLog = async function (...parameters) {
    const log = await readLog.apply(store, parameters)
    store.readLog = readLog
    await change()
    return log
  }
}

t.test('a log that is truncated or deleted between description and reading is sent as it is then', async (t) => {
  const { task, app, path } = await startTaskServer(t, '0123456789')
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
    afterDescription(app.tasks.store, async () => await (size === undefined ? unlink(path) : truncate(path, size)))
    const response = await fetch(`${task}/log${query}`, { headers: range === undefined ? {} : { range } })
    const text = await response.text()
    const actual = status === 200 || status === 404 ? text : response.headers.get('content-range')
    t.match([response.status, actual], [status, answer], `${query} ${range} ${size === undefined ? 'deleted' : `truncated to ${size}`}`)
  }
})
