import type { Test } from 'tap'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function deleteTests (t: Test, open: OpenStore): void {
  t.test('deleting a finished task deletes its log', async (t) => {
    const { store, appendLog, setStatus, events } = await open(t)
    const { task: { id } } = await store.create({ command: 'true' })
    await appendLog(id, 'output\n')
    await setStatus(id, { status: 'completed' })
    await store.delete(id, { force: false })
    await events.find((event) => event.type === 'task.deleted' && event.taskId === id)
    t.equal(await store.get(id), undefined)
    t.equal(await store.readLog(id, { start: 0 }), undefined)
    t.same((await store.list({})).tasks, [])
    t.equal(events.seen.filter(({ type }) => type === 'task.deleted').length, 1)
  })

  t.test('deleting an unfinished task rejects, unless `force` is true', async (t) => {
    const { store, setStatus, events } = await open(t)
    for (const status of ['queued', 'running'] as const) {
      const { task: { id } } = await store.create({ command: 'true' })
      if (status === 'running') {
        await setStatus(id, { status })
        await events.find(upsertOf(id, 'running'))
      }
      await t.rejects(store.delete(id, { force: false }), { code: 'FST_TASKS_ACTIVE', statusCode: 409 }, status)
      t.equal((await store.get(id))?.status, status)
      await store.delete(id, { force: true })
      t.equal(await store.get(id), undefined)
    }
  })

  t.test('deleting a missing task rejects', async (t) => {
    const { store } = await open(t)
    for (const id of ['task_1_missing', '../x']) await t.rejects(store.delete(id, { force: true }), { code: 'FST_TASKS_NOT_FOUND', statusCode: 404 }, id)
  })
}
