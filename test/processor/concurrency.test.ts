import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cancelTask } from '../../lib/protocol/transitions.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import type { ProcessorOptions } from '../../lib/processor/options.ts'
import { anyCommand } from '../../lib/processor/policy/any-command.ts'
import { putTask, taskText } from '../task-files.ts'
import { enqueue, makeDirectory, readTaskOf, startProcessor, untilEnded, untilLogged } from './fixtures.ts'

function limited (concurrency: number, limits: Record<string, number>): ProcessorOptions {
  return { concurrency, policy: { ...anyCommand, concurrencyOf: (type) => limits[type] } }
}

t.test('tasks of a type at its limit wait, and other types pass them', async (t) => {
  const dir = makeDirectory(t)
  const { processor } = await startProcessor(t, dir, limited(4, { one: 1, none: 0 }))
  const first = await enqueue(dir, { type: 'one', command: 'echo up; sleep 600', createdAt: '2020-01-01T00:00:00Z' })
  await untilLogged(dir, first, 'up')
  const never = await enqueue(dir, { type: 'none', createdAt: '2020-01-01T00:00:00Z' })
  const second = await enqueue(dir, { type: 'one', createdAt: '2020-01-02T00:00:00Z' })
  const others = await Promise.all([1, 2, 3].map(() => enqueue(dir, { type: 'other' })))
  await Promise.all(others.map((id) => untilEnded(dir, id)))
  for (const id of [second, never]) t.match(await readTaskOf(dir, id), { status: 'queued' })
  t.strictSame(processor.running.filter((id) => !others.includes(id)), [first])
})

t.test('an adopted task counts for the limit of its type', async (t) => {
  const dir = makeDirectory(t)
  const options = limited(4, { one: 1 })
  const { processor } = await startProcessor(t, dir, options)
  const first = await enqueue(dir, { type: 'one', command: 'echo up; sleep 600', createdAt: '2020-01-01T00:00:00Z' })
  await untilLogged(dir, first, 'up')
  await processor.stop({ leave: true })

  const later = await startProcessor(t, dir, options)
  const third = await enqueue(dir, { type: 'one', createdAt: '2020-01-03T00:00:00Z' })
  const second = await enqueue(dir, { type: 'one', createdAt: '2020-01-02T00:00:00Z' })
  await untilEnded(dir, await enqueue(dir, { type: 'other' }))
  for (const id of [second, third]) t.match(await readTaskOf(dir, id), { status: 'queued' })
  t.match(later.processor.running, [first])
  await cancelTask(tasksDirectory(dir), first)
  const tasks = await Promise.all([first, second, third].map((id) => untilEnded(dir, id)))
  t.strictSame(tasks.map(({ status }) => status), ['cancelled', 'completed', 'completed'])
  t.ok(String(tasks[1]!.startedAt) >= String(tasks[0]!.completedAt), 'the second one waits for the first')
  t.ok(String(tasks[2]!.startedAt) >= String(tasks[1]!.completedAt), 'the third one waits for the second')
})

t.test('a command waits for the one before it, but not until its outcome is written', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, limited(2, { one: 1 }))
  const [go, trace] = [join(dir, 'go'), join(dir, 'trace')]
  const unwritable = await enqueue(dir, { type: 'one', command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; echo first >> ${trace}` })
  await untilLogged(dir, unwritable, 'up\n')
  const next = await enqueue(dir, { type: 'one', command: `echo next >> ${trace}` })
  writeFileSync(join(dir, `${unwritable}.json`), 'no JSON any more')
  writeFileSync(go, '')
  t.match(await untilEnded(dir, next), { status: 'completed' })
  t.equal(readFileSync(trace, 'utf8'), 'first\nnext\n')
  t.notOk(said.lines.some((line) => line.includes('is not written')))
  await said.until(`${unwritable}: its outcome (completed) is not written: it is not valid JSON`)
})

t.test('a task whose type changes while it is claimed stays queued', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, {
    policy: {
      ...anyCommand,
      concurrencyOf (type) {
        // after the task was chosen, before it is claimed
        if (type === 'free') writeFileSync(join(dir, 'task_1_a.json'), taskText('task_1_a', { type: 'full' }))
        return type === 'full' ? 0 : undefined
      }
    }
  })
  await putTask(dir, 'task_1_a', { type: 'free' })
  await said.until('task_1_a: its type changed while it was being claimed')
  await untilEnded(dir, await enqueue(dir, { type: 'other' }))
  t.match(await readTaskOf(dir, 'task_1_a'), { status: 'queued', type: 'full' })
  t.notOk(existsSync(join(dir, 'task_1_a.log')))
  t.notOk(existsSync(join(dir, 'task_1_a.claim')))
})
