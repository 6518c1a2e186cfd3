import type { Test } from 'tap'
import { isUpTo } from '../../../lib/store.ts'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function sinceTests (t: Test, open: OpenStore): void {
  t.test('since returns the task events after an id, and the sizes of logs', async (t) => {
    const { store, appendLog, setStatus, events } = await open(t)
    const before = await store.create({ command: 'before' })
    const { lastEventId } = await store.list({})
    const { task: { id } } = await store.create({ command: 'after' })
    await setStatus(id, { status: 'running' })
    await events.find(upsertOf(id, 'running'))
    await appendLog(id, 'grün\n')
    await events.find((event) => event.type === 'task.log' && event.end === 6)
    await store.cancel(before.task.id)
    await store.delete(before.task.id, { force: false })
    const missed = await store.since(lastEventId)
    const last = missed!.at(-1)!
    await events.find(({ eventId }) => eventId === last.eventId)
    t.same(missed!.filter(({ type }) => type !== 'task.log'), events.seen.filter(({ type, eventId }) => type !== 'task.log' && !isUpTo(eventId, lastEventId)))
    const sizes = missed!.flatMap((event) => event.type === 'task.log' ? [event] : [])
    t.match(sizes, [{ taskId: id, offset: 6, end: 6, chunk: '' }])
    t.equal(sizes.length, 1)
    const ids = missed!.map(({ eventId }) => eventId)
    t.equal(ids.every((eventId, index) => index === 0 || !isUpTo(eventId, ids[index - 1]!)), true)
    t.same(await store.since(last.eventId), [])
  })

  t.test('since returns undefined for malformed, foreign and future ids', async (t) => {
    const { store } = await open(t)
    const { task } = await store.create({ command: 'true' })
    const { lastEventId } = await store.list({})
    const future = lastEventId.replace(/\d+$/, (number) => `${Number(number) + 1000}`)
    for (const id of ['', 'x', '-', '1-', '-1', `${lastEventId} `, `${lastEventId}\n`, `${lastEventId}-1`, 'foreign-1', future, task.id]) {
      t.equal(await store.since(id), undefined, JSON.stringify(id))
    }
  })

  t.test('since continues without a gap after list', async (t) => {
    const { store } = await open(t)
    const creations: Array<Promise<unknown>> = []
    const connected: Array<Promise<string[]>> = []
    const connect = async () => {
      const { tasks, lastEventId } = await store.list({})
      await Promise.all(creations)
      const missed = await store.since(lastEventId)
      return [...tasks.map(({ id }) => id), ...missed!.flatMap((event) => event.type === 'task.upsert' ? [event.task.id] : [])].sort()
    }
    for (let number = 0; number < 20; number++) {
      creations.push(store.create({ id: `task_${number}_gap`, command: 'true' }))
      if (number % 5 === 0) connected.push(Promise.all([creations[number]]).then(connect))
    }
    const expected = Array.from({ length: 20 }, (_, number) => `task_${number}_gap`).sort()
    for (const ids of await Promise.all(connected)) t.same(ids, expected)
  })
}
