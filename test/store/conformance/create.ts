import type { Test } from 'tap'
import { upsertOf } from './events.ts'
import type { OpenStore } from './open-store.ts'

export function createTests (t: Test, open: OpenStore): void {
  t.test('create returns a queued task with default values', async (t) => {
    const { store } = await open(t)
    const { task, created } = await store.create({ command: 'true' })
    t.equal(created, true)
    t.match(task.id, /^task_\d+_[a-z0-9]{9,}$/)
    t.equal(task.status, 'queued')
    t.match(task.parse(), {
      id: task.id,
      command: 'true',
      type: 'custom',
      app: null,
      config: '',
      status: 'queued',
      startedAt: null,
      completedAt: null,
      heartbeatAt: null,
      exitCode: null,
      errorMessage: null
    })
    t.equal(Date.parse(task.parse().createdAt), task.createdAt)
    t.equal('timeoutMs' in task.parse(), false)
    const text = Buffer.from(task.json).toString()
    t.equal(text, JSON.stringify(task.parse()), 'one line, without white space')
  })

  t.test('create keeps the given fields', async (t) => {
    const { store } = await open(t)
    const input = { id: 'task_1_given', command: 'printf "é\n"', type: 'backup', app: 'files', config: { deep: [1, null, 'x'] }, timeoutMs: 5 }
    const { task } = await store.create(input)
    t.match(task.parse(), input)
    t.same((await store.get(input.id))?.parse(), task.parse())
  })

  t.test('create with an existing id returns the existing task', async (t) => {
    const { store, events } = await open(t)
    const first = await store.create({ id: 'task_1_twice', command: 'first' })
    const second = await store.create({ id: 'task_1_twice', command: 'second' })
    t.equal(second.created, false)
    t.same(second.task.json, first.task.json)
    await store.create({ id: 'task_2_last', command: 'true' })
    await events.find(upsertOf('task_2_last'))
    t.equal(events.seen.filter(upsertOf('task_1_twice')).length, 1)
  })

  t.test('concurrent creates with one id create one task', async (t) => {
    const { store } = await open(t)
    const results = await Promise.all(Array.from({ length: 8 }, (_, index) => store.create({ id: 'task_1_race', command: `${index}` })))
    t.equal(results.filter(({ created }) => created).length, 1)
    t.equal(new Set(results.map(({ task }) => String(task.json))).size, 1)
  })

  t.test('create rejects malformed ids', async (t) => {
    const { store } = await open(t)
    for (const id of ['', 'task_1', 'task_x_a', 'task_1_../a', 'task_1_a.json', '../task_1_a', `task_1_${'a'.repeat(200)}`]) {
      await t.rejects(store.create({ id, command: 'true' }), { code: 'FST_TASKS_VALIDATION' }, id)
    }
    t.same((await store.list({})).tasks, [])
  })
}
