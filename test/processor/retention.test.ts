import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { QueueIndex } from '../../lib/processor/queue/queue-index.ts'
import { endedAt, expired, type Retention } from '../../lib/processor/retention/retention.ts'
import { RetentionSweeper, type RetentionSweeperContext } from '../../lib/processor/retention/retention-sweeper.ts'
import { names, temporaryNames, writeTask } from '../protocol/fixtures/task-files.ts'
import { makeDirectory, Said, startProcessor, untilEnded, enqueue } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const DAY = 86_400_000

t.test('which finished tasks are not kept', async (t) => {
  const NOW = 100 * DAY
  // each with the age of its end in days, and the bytes of its log
  const some: Array<[id: string, age: number, bytes: number]> = [['new', 1, 10], ['old', 30, 20], ['middle', 10, 40]]
  const table: Array<[name: string, tasks: typeof some, limits: Retention, found: string[]]> = [
    ['no limit', some, {}, []],
    ['limits that are undefined', some, { ageMs: undefined, count: undefined, bytes: undefined }, []],
    ['no tasks', [], { ageMs: 1, count: 1, bytes: 1 }, []],
    ['age', some, { ageMs: 5 * DAY }, ['old age', 'middle age']],
    ['exactly that age', some, { ageMs: 10 * DAY }, ['old age']],
    ['count', some, { count: 2 }, ['old count']],
    ['exactly that count', some, { count: 3 }, []],
    ['bytes', some, { bytes: 49 }, ['old bytes', 'middle bytes']],
    ['exactly those bytes', some, { bytes: 50 }, ['old bytes']],
    ['the newest one alone has too many bytes', some, { bytes: 9 }, ['old bytes', 'middle bytes', 'new bytes']],
    ['no bytes', [['a', 2, 0], ['b', 1, 0]], { bytes: 1 }, []],
    ['all limits', some, { ageMs: 20 * DAY, count: 2, bytes: 20 }, ['old age', 'middle bytes']],
    ['the same time', [['b', 1, 1], ['a', 1, 1], ['c', 1, 1]], { count: 1 }, ['a count', 'b count']]
  ]
  for (const [name, tasks, limits, found] of table) {
    const finished = tasks.map(([id, age, bytes]) => ({ id, completedAt: NOW - age * DAY, bytes }))
    t.strictSame(expired(finished, limits, NOW).map(({ id, limit }) => `${id} ${limit}`), found, name)
  }
})

t.test('when a task ended', async (t) => {
  const table: Array<[name: string, completedAt: number | undefined, writtenAt: number, knownForMs: number, ended: number]> = [
    ['as it says', 500, 700, 100, 500],
    ['it says nothing', undefined, 700, 100, 700],
    ['it says a time to come', 5000, 700, 100, 900],
    ['all times are to come', undefined, 5000, 100, 900],
    ['it is known for longer than it can be true', 950, 950, 100, 900]
  ]
  for (const [name, completedAt, writtenAt, knownForMs, ended] of table) t.equal(endedAt({ completedAt, writtenAt, knownForMs }, 1000), ended, name)
})

/** A finished task that ended so many days ago. */
function writeFinished (dir: string, id: string, days: number, { log, logDays = days, ...fields }: Record<string, unknown> & { log?: string, logDays?: number } = {}): void {
  writeTask(dir, { status: 'completed', createdAt: dateAgo(days + 1), completedAt: dateAgo(days), ...fields }, id)
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
  readonly said: string[]
  readonly errors: string[]
}

/** One sweep; `meanwhile` happens when the index has been read. */
async function sweep (dir: string, retain: Retention, { meanwhile = () => {}, ...context }: Partial<RetentionSweeperContext> & { meanwhile?: () => void } = {}): Promise<Swept> {
  const said = new Said()
  const errors: string[] = []
  const index = new QueueIndex(tasksDirectory(dir), () => {})
  await index.scan()
  meanwhile()
  const signal = new AbortController().signal
  const sweeper = new RetentionSweeper({ directory: tasksDirectory(dir), retain, index, isRunning: () => false, logger: said, onError: (reason) => errors.push(reason), signal, ...context })
  sweeper.tick()
  sweeper.tick()
  await sweeper.idle()
  return { said: said.lines, errors }
}

t.test('by age, and only what has ended', async (t) => {
  const dir = makeDirectory(t)
  writeFinished(dir, 'task_1_old', 40, { log: 'old' })
  writeFinished(dir, 'task_1_failed', 31, { status: 'failed' })
  writeFinished(dir, 'task_1_new', 29, { log: 'new' })
  writeFinished(dir, 'task_1_queued', 40, { status: 'queued' })
  writeFinished(dir, 'task_1_running', 40, { status: 'running' })
  writeFinished(dir, 'task_1_foreign', 40, { status: 'archived' })
  writeFinished(dir, 'task_1_untimed', 40, { completedAt: null })
  writeFinished(dir, 'task_1_untimedold', 40, { completedAt: 'yesterday' })
  setAge(join(dir, 'task_1_untimedold.json'), 40)
  writeFinished(dir, 'task_1_future', -4000)
  writeFinished(dir, 'task_1_written', 40, { log: 'still going on', logDays: 0 })
  writeFileSync(join(dir, 'task_1_broken.json'), '{"status": "completed", "comp')
  setAge(join(dir, 'task_1_broken.json'), 40)
  const { said, errors } = await sweep(dir, { ageMs: 30 * DAY })
  t.strictSame(said, ['removed 3 finished tasks (age)'])
  t.strictSame(errors, [])
  t.strictSame(names(dir), [
    'task_1_broken.json', 'task_1_foreign.json', 'task_1_future.json', 'task_1_new.json', 'task_1_new.log', 'task_1_queued.json', 'task_1_running.json',
    'task_1_untimed.json', 'task_1_written.json', 'task_1_written.log'
  ])
  t.strictSame(temporaryNames(dir), [])
})

t.test('by count and bytes', async (t) => {
  const dir = makeDirectory(t)
  const log = 'x'.repeat(100)
  for (const days of [1, 2, 3, 4, 5]) writeFinished(dir, `task_1_${days}`, days, { log })
  t.strictSame((await sweep(dir, { count: 4, bytes: 250 })).said, ['removed 3 finished tasks (count, bytes)'])
  t.strictSame(names(dir), ['task_1_1.json', 'task_1_1.log', 'task_1_2.json', 'task_1_2.log'])
  t.strictSame((await sweep(dir, { count: 1 })).said, ['removed 1 finished task (count)'])
  t.strictSame((await sweep(dir, { count: 1, bytes: 100 })).said, [])
  t.strictSame(names(dir), ['task_1_1.json', 'task_1_1.log'])
})

t.test('a task that was taken up again, or is in our hands, is left; an end of the processor ends it', async (t) => {
  const dir = makeDirectory(t)
  for (const id of ['task_1_again', 'task_1_ours', 'task_1_gone']) writeFinished(dir, id, 40)
  const swept = await sweep(dir, { ageMs: DAY }, {
    meanwhile: () => writeFinished(dir, 'task_1_again', 40, { status: 'running' }),
    isRunning: (id) => id === 'task_1_ours'
  })
  t.strictSame(swept.said, ['removed 1 finished task (age)'])
  t.strictSame(names(dir), ['task_1_again.json', 'task_1_ours.json'])
  t.strictSame((await sweep(dir, { ageMs: DAY }, { signal: AbortSignal.abort() })).said, [])
  t.strictSame(names(dir), ['task_1_again.json', 'task_1_ours.json'])
})

t.test('what can\'t be removed is told, and holds up no other', async (t) => {
  const dir = makeDirectory(t)
  for (const id of ['task_1_stuck', 'task_2_free']) writeFinished(dir, id, 40)
  mkdirSync(join(dir, 'task_1_stuck.cancel'))
  const { said, errors } = await sweep(dir, { ageMs: DAY })
  t.strictSame(said, ['removed 1 finished task (age)'])
  t.match(errors, [/EISDIR|EEXIST|ENOTEMPTY/])
  t.strictSame(names(dir), ['task_1_stuck.cancel', 'task_1_stuck.json'])
})

async function startWith (t: Test, retain: Retention): Promise<{ dir: string, said: Said }> {
  const dir = makeDirectory(t)
  for (const days of [1, 2, 3]) writeFinished(dir, `task_1_${days}`, days, { log: 'x' })
  const { said } = await startProcessor(t, dir, { retain })
  return { dir, said }
}

t.test('a processor sweeps when it starts, and says why', async (t) => {
  const { dir, said } = await startWith(t, { count: 2 })
  await said.until('removed 1 finished task (count)')
  t.strictSame(names(dir).filter((name) => name.startsWith('task_')), ['task_1_1.json', 'task_1_1.log', 'task_1_2.json', 'task_1_2.log'])
})

t.test('without --retain flags nothing is removed', async (t) => {
  const { dir, said } = await startWith(t, {})
  const id = await enqueue(dir)
  await untilEnded(dir, id)
  await said.until(`${id} completed`)
  t.ok(existsSync(join(dir, 'task_1_3.json')))
  t.notMatch(said.lines.join('\n'), 'deleted')
})
