import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { OpenStore } from './open-store.ts'

export function readLogTests (t: Test, open: OpenStore): void {
  t.test('readLog returns ranges of bytes', async (t) => {
    const { store, appendLog } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    await appendLog(id, 'grün\n')
    const read = async (start: number, end?: number) => {
      const content = await store.readLog(id, { start, ...(end !== undefined && { end }) })
      return [content?.size, await text(content!.body)]
    }
    t.same(await read(0), [6, 'grün\n'])
    t.same(await read(2), [6, 'ün\n'])
    t.same(await read(2, 4), [6, 'ü'])
    t.same(await read(0, 0), [6, ''])
    t.same(await read(4, 100), [6, 'n\n'])
    t.same(await read(6), [6, ''])
    t.same(await read(100), [6, ''])
  })

  t.test('readLog returns another entity tag after each change', async (t) => {
    const { store, appendLog } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    const etag = async () => {
      const content = await store.readLog(id, { start: 0 })
      content!.body.destroy()
      return content!.etag
    }
    await appendLog(id, 'one\n')
    const first = await etag()
    t.match(first, /^"[^"]+"$/)
    t.equal(await etag(), first)
    await appendLog(id, 'two\n')
    t.not(await etag(), first)
  })

  t.test('readLog returns undefined if there is no log', async (t) => {
    const { store } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    for (const each of [id, 'task_1_missing', '../x']) t.equal(await store.readLog(each, { start: 0 }), undefined, each)
  })
}
