import type { Test } from 'tap'
import { isUpTo } from '../../../lib/store.ts'
import type { Task } from '../../../lib/shared/task-schema.ts'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function listTests (t: Test, open: OpenStore): void {
  const many = async (t: Test) => {
    const made = await open(t)
    for (const number of [1, 2, 3, 4, 5]) await made.store.create({ id: `task_${number}_list`, command: 'true' })
    const all = await made.store.list({})
    return { ...made, all, ids: all.tasks.map(({ id }) => id) }
  }

  t.test('list of an empty store returns no tasks and an event id', async (t) => {
    const { store } = await open(t)
    const { tasks, next, lastEventId } = await store.list({})
    t.same(tasks, [])
    t.equal(next, undefined)
    t.match(lastEventId, /^[0-9a-z]{1,20}-[0-9]{1,15}$/)
  })

  t.test('list returns all tasks, newest first', async (t) => {
    const { all, ids } = await many(t)
    t.same([...ids].sort(), [1, 2, 3, 4, 5].map((number) => `task_${number}_list`))
    t.equal(all.next, undefined)
    const inOrder = all.tasks.every((task, index) => {
      const after = all.tasks[index + 1]
      return after === undefined || task.createdAt > after.createdAt || (task.createdAt === after.createdAt && task.id > after.id)
    })
    t.equal(inOrder, true)
  })

  t.test('list returns pages that do not overlap', async (t) => {
    const { store, ids } = await many(t)
    const paged: string[] = []
    const sizes: number[] = []
    for (let before: string | undefined, more = true; more;) {
      const { tasks, next } = await store.list({ limit: 2, ...(before !== undefined && { before }) })
      paged.push(...tasks.map(({ id }) => id))
      sizes.push(tasks.length)
      before = next
      more = next !== undefined
    }
    t.same(paged, ids)
    t.same(sizes, [2, 2, 1])
    t.equal((await store.list({ limit: 5 })).next, undefined)
  })

  t.test('list returns the tasks after `before`', async (t) => {
    const { store, ids } = await many(t)
    t.same((await store.list({ before: ids[2]! })).tasks.map(({ id }) => id), ids.slice(3))
    t.same((await store.list({ before: ids.at(-1)! })).tasks, [])
  })

  t.test('list returns tasks of the given statuses', async (t) => {
    const { store, setStatus, events, ids } = await many(t)
    await setStatus(ids[0]!, { status: 'running' })
    await setStatus(ids[3]!, { status: 'failed' })
    await events.find(upsertOf(ids[0]!, 'running'))
    await events.find(upsertOf(ids[3]!, 'failed'))
    const list = async (status: readonly Task['status'][], limit?: number) => (
      await store.list({ status, ...(limit !== undefined && { limit }) })).tasks.map(({ id }) => id)
    t.same(await list(['running']), [ids[0]])
    t.same(await list(['running', 'failed']), [ids[0], ids[3]])
    t.same(await list(['cancelled']), [])
    t.same(await list(['queued'], 2), [ids[1], ids[2]])
  })

  t.test('list returns the id of the last event that it includes', async (t) => {
    const { store, events, all } = await many(t)
    t.same(await store.since(all.lastEventId), [])
    const { task } = await store.create({ command: 'true' })
    const { eventId } = await events.find(upsertOf(task.id))
    t.equal(isUpTo(eventId, all.lastEventId), false)
    const { tasks, lastEventId } = await store.list({})
    t.equal(tasks.some(({ id }) => id === task.id), true)
    t.equal(isUpTo(eventId, lastEventId), true)
  })
}
