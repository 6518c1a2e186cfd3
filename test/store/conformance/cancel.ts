import type { Test } from 'tap'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function cancelTests (t: Test, open: OpenStore): void {
  t.test('cancelling a queued task finishes it immediately', async (t) => {
    const { store } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    const { outcome, task } = await store.cancel(id)
    t.equal(outcome, 'cancelled')
    t.equal(task.status, 'cancelled')
    t.match(task.parse(), { errorMessage: 'Cancelled before start.', completedAt: String })
    t.equal((await store.get(id))?.status, 'cancelled')
  })

  t.test('cancelling a running task requests its cancellation', async (t) => {
    const { store, setStatus, events } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    await setStatus(id, { status: 'running' })
    await events.find(upsertOf(id, 'running'))
    const { outcome, task } = await store.cancel(id)
    t.equal(outcome, 'requested')
    t.equal(task.status, 'running')
    t.equal((await store.cancel(id)).outcome, 'requested', 'again')
  })

  t.test('cancelling a finished task rejects', async (t) => {
    const { store, setStatus } = await open(t)
    for (const status of ['completed', 'failed', 'cancelled'] as const) {
      const { task: { id } } = await store.create({ command: 'true' })
      await setStatus(id, { status })
      await t.rejects(store.cancel(id), { code: 'FST_TASKS_NOT_ACTIVE', statusCode: 409 }, status)
    }
  })

  t.test('cancelling a missing task rejects', async (t) => {
    const { store } = await open(t)
    for (const id of ['task_1_missing', '../x']) await t.rejects(store.cancel(id), { code: 'FST_TASKS_NOT_FOUND', statusCode: 404 }, id)
  })
}
