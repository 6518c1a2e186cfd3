import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { MIB, startTaskServer } from './fixtures.ts'

type Head = Array<string | number | null>

/** The status and the headers of a GET and a HEAD request. */
async function getAndHead (t: Test, task: string, query: string, headers: Record<string, string> = {}): Promise<{ get: Head, head: Head }> {
  const [get, head] = await Promise.all(['GET', 'HEAD'].map(async (method) => {
    const response = await fetch(`${task}/log${query}`, { method, headers })
    const text = await response.text()
    if (method === 'HEAD') t.equal(text, '')
    return [response.status, ...['content-length', 'log-position', 'etag', 'content-type', 'content-range'].map((name) => response.headers.get(name))]
  }))
  return { get: get!, head: head! }
}

t.test('HEAD returns the status and headers that GET returns', async (t) => {
  const { task, path } = await startTaskServer(t)
  for (const log of ['', '0123456789', 'x'.repeat(5 * MIB)]) {
    await writeFile(path, log)
    for (const query of ['', '?position=0', `?position=${log.length}`, '?tail=1', '?tail=0']) {
      const { get, head } = await getAndHead(t, task, query)
      t.strictSame(head, get, `${log.length} bytes, ${query}`)
      t.equal(get[0], 200)
    }
    const beyond = await getAndHead(t, task, `?position=${log.length + 1}`)
    t.match([beyond.get[0], beyond.head[0], beyond.get.at(-1), beyond.head.at(-1)], [416, 416, `bytes */${log.length}`, `bytes */${log.length}`])
    const { get } = await getAndHead(t, task, '')
    const { get: unchanged, head } = await getAndHead(t, task, '', { 'if-none-match': String(get[3]) })
    t.match([unchanged[0], head[0]], [304, 304])
  }
})

t.test('HEAD ignores a range', async (t) => {
  const { task } = await startTaskServer(t, '0123456789')
  t.equal((await fetch(`${task}/log`, { method: 'HEAD', headers: { range: 'bytes=0-1' } })).status, 200)
})

t.test('GET and HEAD return 404 with an empty body if there is no log yet', async (t) => {
  const { task } = await startTaskServer(t)
  const { get, head } = await getAndHead(t, task, '')
  t.match([get[0], head[0]], [404, 404])
  for (const query of ['', '?tail=5', '?position=5']) {
    const response = await fetch(`${task}/log${query}`)
    t.match([response.status, await response.text(), response.headers.get('content-type'), response.headers.get('log-position')], [404, '', 'text/plain; charset=utf-8', null], query)
  }
})

t.test('every route of a log rejects unknown tasks with 404, and malformed ids with 400', async (t) => {
  const { url } = await startTaskServer(t)
  for (const path of ['/log', '/log?follow=true', '/log?tail=1', '/log/events', '/log/search?q=x']) {
    const response = await fetch(`${url}/task_2_none${path}`)
    t.match([response.status, await response.json()], [404, { code: 'FST_TASKS_NOT_FOUND' }], path)
    t.equal((await fetch(`${url}/task_2_none${path}`, { method: 'HEAD' })).status, 404, `HEAD ${path}`)
    t.equal((await fetch(`${url}/task_x_none${path}`)).status, 400, `malformed id, ${path}`)
  }
})
