import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import Fastify from 'fastify'
import type { TaskEvent } from 'fastify-tasks'
import t from 'tap'
import { tasksPlugin } from '../../lib/index.ts'
import { putTask, startServer, temporaryDirectory, waitFor } from '../helpers.ts'

t.test('at the start, tasks are listed without an event, unless they have a delete marker', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_queued')
  await putTask(dir, 'task_2_running', { status: 'running' })
  await writeFile(join(dir, 'task_2_running.log'), 'output')
  await putTask(dir, 'task_3_finished', { status: 'completed' })
  await writeFile(join(dir, 'task_3_finished.log'), 'output')
  await putTask(dir, 'task_4_deleted', { status: 'completed' })
  await writeFile(join(dir, 'task_4_deleted.cancel'), '{"delete": true}')
  await putTask(dir, 'task_5_cancelling')
  await writeFile(join(dir, 'task_5_cancelling.cancel'), '')
  const { app } = await startServer(t, { dir })
  const { tasks, lastEventId } = await app.tasks.list()
  t.strictSame(tasks.map(({ id }) => id), ['task_5_cancelling', 'task_3_finished', 'task_2_running', 'task_1_queued'])
  t.match(lastEventId, /-0$/, 'there was no event')
})

for (const [status, log, expected] of [
  ['running', 'earlier\n', [{ offset: 8, end: 13, chunk: 'more\n' }, { offset: 13, end: 18, chunk: 'even ' }]],
  ['completed', 'earlier\n', [{ offset: 13, end: 13, chunk: '' }, { offset: 13, end: 18, chunk: 'even ' }]],
  ['completed', undefined, [{ offset: 0, end: 5, chunk: 'more\n' }, { offset: 5, end: 10, chunk: 'even ' }]]
] as const) {
  t.test(`after the start, output that is added to the log ${JSON.stringify(log)} of a ${status} task is reported`, async (t) => {
    const dir = await temporaryDirectory(t)
    await putTask(dir, 'task_1_a', { status })
    const path = join(dir, 'task_1_a.log')
    if (log !== undefined) await writeFile(path, log)
    const { app } = await startServer(t, { dir })
    await app.tasks.list()
    const changes: TaskEvent[] = []
    app.tasks.on('task.log', (event) => { changes.push(event) })
    for (const [index, text] of ['more\n', 'even '].entries()) {
      await appendFile(path, text)
      await waitFor(() => changes.length === index + 1, { describe: () => changes })
    }
    t.match(changes, expected)
  })
}

t.test('a log that appears while its task is loaded is known', async (t) => {
  const dir = await temporaryDirectory(t)
  for (let index = 0; index < 3000; index++) await putTask(dir, `task_${index}_a`, { status: index < 50 ? 'running' : 'completed' })
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  const loaded = app.ready().then(() => app.tasks.list())
  for (let index = 0; index < 50; index++) {
    await writeFile(join(dir, `task_${index}_a.log`), 'output')
    await setImmediate()
  }
  await loaded
  const ends = new Map<string, number>()
  app.tasks.on('task.log', ({ taskId, end }) => { ends.set(taskId, end) })
  for (let index = 0; index < 50; index++) await appendFile(join(dir, `task_${index}_a.log`), 'more')
  await waitFor(() => ends.size === 50 && [...ends.values()].every((end) => end === 10), { describe: () => [...ends] })
})

t.test('after the start, the deletion of the log of a completed task is reported as a truncation', async (t) => {
  const dir = await temporaryDirectory(t)
  await putTask(dir, 'task_1_a', { status: 'completed' })
  await writeFile(join(dir, 'task_1_a.log'), 'output')
  const { app } = await startServer(t, { dir })
  await app.tasks.list()
  const changes: TaskEvent[] = []
  app.tasks.on('task.log', (event) => { changes.push(event) })
  await rm(join(dir, 'task_1_a.log'))
  await waitFor(() => changes.length > 0, { describe: () => changes })
  t.match(changes, [{ end: 0, truncated: true }])
})
