import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { QueueIndex } from '../../lib/processor/queue/queue-index.ts'
import { expiredTasks, finishedAtOf, type Retention } from '../../lib/processor/retention/retention.ts'
import { RetentionSweeper, type RetentionSweeperOptions } from '../../lib/processor/retention/retention-sweeper.ts'
import { names, temporaryNames } from '../protocol/fixtures/task-files.ts'
import { putTask } from '../task-files.ts'
import { enqueue, makeDirectory, Said, startProcessor, untilEnded } from './fixtures.ts'

const DAY = 86_400_000
const NOW = 100 * DAY

/** Each with the days since it finished, and the bytes of its log. */
type Finished = Array<[id: string, days: number, bytes: number]>

const SOME: Finished = [['new', 1, 10], ['old', 30, 20], ['middle', 10, 40]]

const EXPIRED: Array<[name: string, finished: Finished, limits: Retention, expired: string[]]> = [
  ['without limits, nothing expires', SOME, {}, []],
  ['undefined limits do not count', SOME, { ageMs: undefined, count: undefined, bytes: undefined }, []],
  ['no tasks exceed no limits', [], { ageMs: 1, count: 1, bytes: 1 }, []],
  ['tasks beyond the age expire', SOME, { ageMs: 5 * DAY }, ['old age', 'middle age']],
  ['a task of exactly the age is kept', SOME, { ageMs: 10 * DAY }, ['old age']],
  ['tasks beyond the count expire', SOME, { count: 2 }, ['old count']],
  ['exactly the count is kept', SOME, { count: 3 }, []],
  ['tasks beyond the bytes expire', SOME, { bytes: 49 }, ['old bytes', 'middle bytes']],
  ['exactly the bytes are kept', SOME, { bytes: 50 }, ['old bytes']],
  ['the newest task expires if its log alone is too large', SOME, { bytes: 9 }, ['old bytes', 'middle bytes', 'new bytes']],
  ['tasks without logs do not exceed the bytes', [['a', 2, 0], ['b', 1, 0]], { bytes: 1 }, []],
  ['each limit applies to what the others keep', SOME, { ageMs: 20 * DAY, count: 2, bytes: 20 }, ['old age', 'middle bytes']],
  ['tasks of the same time expire in the order of their ids', [['b', 1, 1], ['a', 1, 1], ['c', 1, 1]], { count: 1 }, ['a count', 'b count']]
]

for (const [name, finished, limits, expired] of EXPIRED) {
  t.test(name, async (t) => {
    const tasks = finished.map(([id, days, bytes]) => ({ id, finishedAt: NOW - days * DAY, bytes }))
    t.strictSame(expiredTasks(tasks, limits, NOW).map(({ id, limit }) => `${id} ${limit}`), expired)
  })
}

const FINISHED_AT: Array<[name: string, completedAt: number | undefined, writtenAt: number, knownForMs: number, finishedAt: number]> = [
  ['at the time in its file', 500, 700, 100, 500],
  ['when its file was written, if that holds no time', undefined, 700, 100, 700],
  ['when the processor first saw it finished, if the time in its file is in the future', 5000, 700, 100, 900],
  ['when the processor first saw it finished, if all times are in the future', undefined, 5000, 100, 900],
  ['when the processor first saw it finished, if its times are later than that', 950, 950, 100, 900]
]

for (const [name, completedAt, writtenAt, knownForMs, finishedAt] of FINISHED_AT) {
  t.test(`a task finished ${name}`, async (t) => {
    t.equal(finishedAtOf({ completedAt, writtenAt, knownForMs }, 1000), finishedAt)
  })
}

interface FinishedOptions {
  readonly log?: string
  /** Days since the log was written. Default: as the task. */
  readonly logDays?: number
  readonly fields?: Record<string, unknown>
}

/** Writes a task that finished so many days ago. */
async function putFinished (dir: string, id: string, days: number, { log, logDays = days, fields }: FinishedOptions = {}): Promise<void> {
  await putTask(dir, id, { status: 'completed', createdAt: dateAgo(days + 1), completedAt: dateAgo(days), ...fields })
  if (log === undefined) return
  writeFileSync(join(dir, `${id}.log`), log)
  setAge(join(dir, `${id}.log`), logDays)
}

function dateAgo (days: number): string {
  return new Date(Date.now() - days * DAY).toISOString()
}

function setAge (path: string, days: number): void {
  const seconds = Date.now() / 1000 - days * 86_400
  utimesSync(path, seconds, seconds)
}

interface Swept {
  readonly lines: string[]
  readonly errors: string[]
}

interface SweepOptions extends Partial<RetentionSweeperOptions> {
  /** Called when the index has been read. */
  readonly meanwhile?: () => Promise<void>
}

/** Sweeps once. */
async function sweep (dir: string, retain: Retention, { meanwhile = async () => {}, ...options }: SweepOptions = {}): Promise<Swept> {
  const logger = new Said()
  const errors: string[] = []
  const directory = tasksDirectory(dir)
  const index = new QueueIndex(directory, () => {})
  await index.scan()
  await meanwhile()
  const { signal } = new AbortController()
  const sweeper = new RetentionSweeper({ directory, retain, index, isActive: () => false, logger, onError: (reason) => errors.push(reason), signal, ...options })
  sweeper.tick()
  // too early: it does nothing
  sweeper.tick()
  await sweeper.idle()
  return { lines: logger.lines, errors }
}

/** The ids that a sweep keeps of those that `put` creates. */
async function keptOf (t: Test, retain: Retention, put: (dir: string) => Promise<void>, options: SweepOptions = {}): Promise<string[]> {
  const dir = makeDirectory(t)
  await put(dir)
  t.strictSame((await sweep(dir, retain, options)).errors, [])
  t.strictSame(temporaryNames(dir), [])
  return names(dir)
}

const MONTH: Retention = { ageMs: 30 * DAY }

t.test('a sweep deletes old finished tasks with their logs, and logs how many', async (t) => {
  const dir = makeDirectory(t)
  await putFinished(dir, 'task_1_old', 40, { log: 'old' })
  await putFinished(dir, 'task_1_failed', 31, { fields: { status: 'failed' } })
  await putFinished(dir, 'task_1_new', 29, { log: 'new' })
  t.strictSame(await sweep(dir, MONTH), { lines: ['deleted 2 finished tasks (age)'], errors: [] })
  t.strictSame(names(dir), ['task_1_new.json', 'task_1_new.log'])
  t.strictSame(temporaryNames(dir), [])
})

for (const status of ['queued', 'running', 'archived']) {
  t.test(`a sweep keeps an old task with the status "${status}"`, async (t) => {
    t.strictSame(await keptOf(t, MONTH, (dir) => putFinished(dir, 'task_1_a', 40, { fields: { status } })), ['task_1_a.json'])
  })
}

t.test('a sweep keeps a task without a time whose file is young', async (t) => {
  t.strictSame(await keptOf(t, MONTH, (dir) => putFinished(dir, 'task_1_a', 40, { fields: { completedAt: null } })), ['task_1_a.json'])
})

t.test('a sweep deletes a task with an invalid time whose file is old', async (t) => {
  t.strictSame(await keptOf(t, MONTH, async (dir) => {
    await putFinished(dir, 'task_1_a', 40, { fields: { completedAt: 'yesterday' } })
    setAge(join(dir, 'task_1_a.json'), 40)
  }), [])
})

t.test('a sweep keeps a task that finished in the future', async (t) => {
  t.strictSame(await keptOf(t, MONTH, (dir) => putFinished(dir, 'task_1_a', -4000)), ['task_1_a.json'])
})

t.test('a sweep keeps a task whose log was written to in the last minute', async (t) => {
  t.strictSame(await keptOf(t, MONTH, (dir) => putFinished(dir, 'task_1_a', 40, { log: 'still written', logDays: 0 })), ['task_1_a.json', 'task_1_a.log'])
})

t.test('a sweep keeps an unreadable file', async (t) => {
  t.strictSame(await keptOf(t, MONTH, async (dir) => {
    writeFileSync(join(dir, 'task_1_a.json'), '{"status": "completed", "comp')
    setAge(join(dir, 'task_1_a.json'), 40)
  }), ['task_1_a.json'])
})

t.test('a sweep deletes the oldest tasks beyond the count and the bytes, and logs both limits', async (t) => {
  const dir = makeDirectory(t)
  for (const days of [1, 2, 3, 4, 5]) await putFinished(dir, `task_1_${days}`, days, { log: 'x'.repeat(100) })
  t.strictSame((await sweep(dir, { count: 4, bytes: 250 })).lines, ['deleted 3 finished tasks (count, bytes)'])
  t.strictSame(names(dir), ['task_1_1.json', 'task_1_1.log', 'task_1_2.json', 'task_1_2.log'])
})

t.test('a sweep that deletes one task logs it in the singular', async (t) => {
  const dir = makeDirectory(t)
  for (const days of [1, 2]) await putFinished(dir, `task_1_${days}`, days)
  t.strictSame((await sweep(dir, { count: 1 })).lines, ['deleted 1 finished task (count)'])
})

t.test('a sweep that deletes nothing logs nothing', async (t) => {
  const dir = makeDirectory(t)
  await putFinished(dir, 'task_1_a', 1, { log: 'x'.repeat(100) })
  t.strictSame((await sweep(dir, { count: 1, bytes: 100 })).lines, [])
  t.strictSame(names(dir), ['task_1_a.json', 'task_1_a.log'])
})

t.test('a sweep keeps a task that became active after the index was read', async (t) => {
  const dir = makeDirectory(t)
  await putFinished(dir, 'task_1_a', 40)
  const meanwhile = () => putFinished(dir, 'task_1_a', 40, { fields: { status: 'running' } })
  t.strictSame((await sweep(dir, { ageMs: DAY }, { meanwhile })).lines, [])
  t.strictSame(names(dir), ['task_1_a.json'])
})

t.test('a sweep keeps a task that this processor runs', async (t) => {
  t.strictSame(await keptOf(t, { ageMs: DAY }, async (dir) => {
    for (const id of ['task_1_ours', 'task_1_gone']) await putFinished(dir, id, 40)
  }, { isActive: (id) => id === 'task_1_ours' }), ['task_1_ours.json'])
})

t.test('a sweep ends when the processor stops', async (t) => {
  t.strictSame(await keptOf(t, { ageMs: DAY }, (dir) => putFinished(dir, 'task_1_a', 40), { signal: AbortSignal.abort() }), ['task_1_a.json'])
})

t.test('a task that cannot be deleted is reported and does not prevent other deletions', async (t) => {
  const dir = makeDirectory(t)
  for (const id of ['task_1_stuck', 'task_2_free']) await putFinished(dir, id, 40)
  mkdirSync(join(dir, 'task_1_stuck.cancel'))
  const { lines, errors } = await sweep(dir, { ageMs: DAY })
  t.strictSame(lines, ['deleted 1 finished task (age)'])
  t.strictSame(errors, ['task_1_stuck.cancel: it is a directory'])
  t.strictSame(names(dir), ['task_1_stuck.cancel', 'task_1_stuck.json'])
})

async function startWith (t: Test, retain: Retention): Promise<{ dir: string, said: Said }> {
  const dir = makeDirectory(t)
  for (const days of [1, 2, 3]) await putFinished(dir, `task_1_${days}`, days, { log: 'x' })
  const { said } = await startProcessor(t, dir, { retain })
  return { dir, said }
}

t.test('a processor with a retention limit sweeps when it starts', async (t) => {
  const { dir, said } = await startWith(t, { count: 2 })
  await said.until('deleted 1 finished task (count)')
  t.strictSame(names(dir).filter((name) => name.startsWith('task_')), ['task_1_1.json', 'task_1_1.log', 'task_1_2.json', 'task_1_2.log'])
})

t.test('a processor without retention limits deletes nothing', async (t) => {
  const { dir, said } = await startWith(t, {})
  const id = await enqueue(dir)
  await untilEnded(dir, id)
  await said.until(`${id} completed`)
  t.ok(existsSync(join(dir, 'task_1_3.json')))
  t.notMatch(said.lines.join('\n'), 'deleted')
})
