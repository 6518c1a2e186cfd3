import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cancelTask } from '../../lib/protocol/transitions.ts'
import { describeLimits, limitsOf } from '../../lib/processor/limits.ts'
import { resolveOptions, type ProcessorOptions } from '../../lib/processor/options.ts'
import { anyCommand } from '../../lib/processor/policy/any-command.ts'
import { QueueIndex } from '../../lib/processor/queue/queue-index.ts'
import { writeTask } from '../protocol/fixtures/task-files.ts'
import { enqueue, makeDirectory, readTaskOf, startProcessor, untilEnded, untilLogged } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

t.test('limits in words, and as JSON', async (t) => {
  const none = { ageMs: null, count: null, bytes: null }
  const table: Array<[options: ProcessorOptions, words: string, limits: object]> = [
    [{}, 'concurrency 1, grace 10 s, log cap none, keeps all finished tasks', { concurrency: 1, graceMs: 10_000, logMaxBytes: null, retain: none }],
    [
      { concurrency: 4, retain: { ageMs: 30 * 86_400_000, count: 1000, bytes: 10 * 2 ** 30 } },
      'concurrency 4, grace 10 s, log cap none, keeps finished tasks 30 d, at most 1000, 10 GiB',
      { concurrency: 4, graceMs: 10_000, logMaxBytes: null, retain: { ageMs: 2_592_000_000, count: 1000, bytes: 10_737_418_240 } }
    ],
    [
      { graceMs: 0, logMaxBytes: 1_500_000, retain: { ageMs: 5_400_000 } },
      'concurrency 1, grace 0 ms, log cap 1500000 B, keeps finished tasks 90 min',
      { concurrency: 1, graceMs: 0, logMaxBytes: 1_500_000, retain: { ...none, ageMs: 5_400_000 } }
    ],
    [
      { graceMs: 1500, logMaxBytes: 2 ** 20, retain: { count: 1 } },
      'concurrency 1, grace 1500 ms, log cap 1 MiB, keeps finished tasks at most 1',
      { concurrency: 1, graceMs: 1500, logMaxBytes: 1_048_576, retain: { ...none, count: 1 } }
    ]
  ]
  for (const [options, words, limits] of table) {
    t.equal(describeLimits(options), words)
    t.strictSame(JSON.parse(JSON.stringify(limitsOf(options))), limits)
  }
})

t.test('values that make no sense are refused', async (t) => {
  const table: Array<[options: object, message: RegExp]> = [
    [{ concurrency: 0 }, /concurrency must be an integer from 1 .*, not 0/], [{ concurrency: 1.5 }, /not 1\.5/], [{ concurrency: '2' }, /concurrency/],
    [{ graceMs: -1 }, /graceMs .* from 0 to 2147483647/], [{ graceMs: 2 ** 31 }, /graceMs/], [{ pollIntervalMs: 0 }, /pollIntervalMs/],
    [{ heartbeatIntervalMs: NaN }, /heartbeatIntervalMs/], [{ lockStaleAfterMs: Infinity }, /lockStaleAfterMs/], [{ logMaxBytes: 0 }, /logMaxBytes/],
    [{ retain: { ageMs: 0 } }, /retain\.ageMs/], [{ retain: { count: 0 } }, /retain\.count/], [{ retain: { bytes: 0.5 } }, /retain\.bytes/]
  ]
  for (const [options, message] of table) t.throws(() => resolveOptions(options), { name: 'RangeError', message }, JSON.stringify(options))
  t.doesNotThrow(() => resolveOptions({ graceMs: 0, logMaxBytes: undefined, retain: { ageMs: 10 ** 12 } }))
})

t.test('the oldest queued task of those that may run', async (t) => {
  const dir = makeDirectory(t)
  const at = (ms: number) => new Date(ms).toISOString()
  for (const [id, ms, type] of [['task_9_c', 3000, 'x'], ['task_9_a', 1000, 'y'], ['task_9_b', 2000, 'x'], ['task_9_d', 2000, 'x']] as const) {
    writeTask(dir, { createdAt: at(ms), type }, id)
  }
  writeTask(dir, { createdAt: at(0), status: 'completed' }, 'task_9_e')
  writeTask(dir, { createdAt: at(5000), type: 'x'.repeat(1000) }, 'task_9_f')
  const index = new QueueIndex(tasksDirectory(dir), () => {})
  await index.scan()
  const order = (accepts = (_type: string) => true) => {
    const seen: string[] = []
    for (let next = index.oldest(({ type }) => accepts(type)); next !== undefined; next = index.oldest(({ id, type }) => accepts(type) && !seen.includes(id))) seen.push(next.id)
    return seen.join(' ')
  }
  t.equal(order(), 'task_9_a task_9_b task_9_d task_9_c task_9_f')
  t.equal(order((type) => type === 'x'), 'task_9_b task_9_d task_9_c')
  t.equal(index.oldest(({ id }) => id === 'task_9_f')?.type, '', 'no type is that long')
  index.forget('task_9_a')
  writeTask(dir, { createdAt: at(2000), status: 'running' }, 'task_9_d')
  await index.refresh('task_9_d')
  t.equal(order(), 'task_9_b task_9_c task_9_f')
  writeTask(dir, { createdAt: at(9000), status: 'queued' }, 'task_9_d')
  await index.scan()
  t.equal(order(), 'task_9_a task_9_b task_9_c task_9_f task_9_d', 'a scan reads again what was forgotten or changed')
  t.strictSame(index.finished().map(({ id }) => id), ['task_9_e'])
})

t.test('no more tasks of a type than it may have, also over a change of processors; others go past them', async (t) => {
  const dir = makeDirectory(t)
  const options: ProcessorOptions = {
    concurrency: 4,
    policy: { ...anyCommand, concurrencyOf: (type) => type === 'one' ? 1 : type === 'none' ? 0 : undefined }
  }
  const { processor } = await startProcessor(t, dir, options)
  const first = await enqueue(dir, { type: 'one', command: 'echo up; sleep 600', createdAt: '2020-01-01T00:00:00Z' })
  await untilLogged(dir, first, 'up')
  await processor.stop({ leave: true })

  const later = await startProcessor(t, dir, options)
  const never = await enqueue(dir, { type: 'none', createdAt: '2020-01-01T00:00:00Z' })
  const third = await enqueue(dir, { type: 'one', command: 'true', createdAt: '2020-01-03T00:00:00Z' })
  const second = await enqueue(dir, { type: 'one', command: 'true', createdAt: '2020-01-02T00:00:00Z' })
  const others = await Promise.all([1, 2, 3].map(() => enqueue(dir, { type: 'other' })))
  await Promise.all(others.map((id) => untilEnded(dir, id)))
  for (const id of [second, third, never]) t.match(await readTaskOf(dir, id), { status: 'queued' })
  t.match(later.processor.running, [first])
  for (const id of [second, third, never]) t.notOk(later.processor.running.includes(id))
  await cancelTask(tasksDirectory(dir), first)
  const ends = await Promise.all([first, second, third].map((id) => untilEnded(dir, id)))
  t.strictSame(ends.map(({ status }) => status), ['cancelled', 'completed', 'completed'])
  t.ok(String(ends[1]!.startedAt) >= String(ends[0]!.completedAt), 'the second one waited for the first')
  t.ok(String(ends[2]!.startedAt) >= String(ends[1]!.completedAt), 'the third one for the second')
  t.match(await readTaskOf(dir, never), { status: 'queued' })
})

t.test('a command waits for the one before it, and not for its end to be written', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { concurrency: 2, policy: { ...anyCommand, concurrencyOf: (type) => type === 'one' ? 1 : undefined } })
  const [go, trace] = [join(dir, 'go'), join(dir, 'trace')]
  const unwritable = await enqueue(dir, { type: 'one', command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; echo first >> ${trace}` })
  await untilLogged(dir, unwritable, 'up\n')
  const next = await enqueue(dir, { type: 'one', command: `echo next >> ${trace}` })
  writeFileSync(join(dir, `${unwritable}.json`), 'no JSON any more')
  writeFileSync(go, '')
  t.match(await untilEnded(dir, next), { status: 'completed' })
  t.equal(readFileSync(trace, 'utf8'), 'first\nnext\n')
  t.notOk(said.lines.some((line) => line.includes('is not written')))
  await said.until(`${unwritable}: its end (completed) is not written: it is not JSON`)
})

t.test('a task that has another type when it is taken waits for its turn', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, {
    policy: {
      ...anyCommand,
      concurrencyOf (type) {
        // after the choice, before the claim
        if (type === 'free') writeFileSync(join(dir, 'task_1_a.json'), JSON.stringify({ id: 'task_1_a', command: 'true', status: 'queued', type: 'full' }))
        return type === 'full' ? 0 : undefined
      }
    }
  })
  writeTask(dir, { type: 'free' })
  await said.until('task_1_a: its type changed while it was taken')
  const next = await enqueue(dir, { type: 'other' })
  await untilEnded(dir, next)
  t.match(await readTaskOf(dir, 'task_1_a'), { status: 'queued', type: 'full' })
  t.notOk(existsSync(join(dir, 'task_1_a.log')))
  t.notOk(existsSync(join(dir, 'task_1_a.claim')))
})
