import type { Test } from 'tap'
import { isUpTo, type TaskEvent } from '../../../lib/store.ts'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function subscribeTests (t: Test, open: OpenStore): void {
  t.test('subscribers receive each change once, in the order of the event ids', async (t) => {
    const { store, events } = await open(t)
    const first = await store.create({ command: 'true' })
    await store.cancel(first.task.id)
    await store.delete(first.task.id, { force: false })
    const last = await store.create({ command: 'true' })
    await events.find(upsertOf(last.task.id))
    t.same(events.seen.map((event) => event.type === 'task.upsert' ? event.task.status : event.type), ['queued', 'cancelled', 'task.deleted', 'queued'])
    const ids = events.seen.map(({ eventId }) => eventId)
    t.equal(ids.every((id, index) => index === 0 || !isUpTo(id, ids[index - 1]!)), true)
  })

  t.test('subscribers receive the whole log before the final status of its task', async (t) => {
    const { store, appendLog, setStatus, events } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    await setStatus(id, { status: 'running' })
    await appendLog(id, 'one\n')
    await events.find((event) => event.type === 'task.log' && event.chunk.includes('one'))
    await appendLog(id, 'zwölf\n')
    await setStatus(id, { status: 'completed', exitCode: 0 })
    await events.find(upsertOf(id, 'completed'))
    const end = events.seen.findIndex(upsertOf(id, 'completed'))
    const logs = events.seen.slice(0, end).flatMap((event) => event.type === 'task.log' ? [event] : [])
    t.equal(logs.map(({ chunk }) => chunk).join(''), 'one\nzwölf\n')
    let position = 0
    for (const { offset, end, chunk } of logs) {
      t.equal(offset, position)
      t.equal(end - offset, Buffer.byteLength(chunk))
      position = end
    }
    t.equal(position, 11)
  })

  t.test('ending a subscription leaves other subscriptions of the same listener', async (t) => {
    const { store, events } = await open(t)
    const received: string[] = []
    const listener = ({ type }: TaskEvent) => { received.push(type) }
    const [end, endSecond] = [store.subscribe(listener, { logs: false }), store.subscribe(listener, { logs: false })]
    t.teardown(endSecond)
    await store.create({ id: 'task_1_both', command: 'true' })
    await events.find(upsertOf('task_1_both'))
    t.equal(received.length, 2)
    end()
    end()
    await store.create({ id: 'task_2_one', command: 'true' })
    await events.find(upsertOf('task_2_one'))
    t.equal(received.length, 3)
    endSecond()
    await store.create({ id: 'task_3_none', command: 'true' })
    await events.find(upsertOf('task_3_none'))
    t.equal(received.length, 3)
  })

  t.test('a listener that throws does not affect other listeners', async (t) => {
    const { store, events } = await open(t)
    t.teardown(store.subscribe(() => { throw new Error('The listener failed.') }, { logs: true }))
    const { task } = await store.create({ command: 'true' })
    await events.find(upsertOf(task.id))
    t.ok(await store.get(task.id))
  })
}
