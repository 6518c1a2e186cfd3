import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StaleFiles } from '../../lib/protocol/stale-files.ts'
import { readCancelMarker } from '../../lib/protocol/cancel-marker.ts'
import { claimTask, readClaim } from '../../lib/protocol/claim.ts'
import { readTask } from '../../lib/protocol/task-file.ts'
import { finishTask } from '../../lib/protocol/transitions.ts'
import { removeFile } from '../../lib/protocol/write-file.ts'
import type { TaskStatus } from '../../lib/shared/task-status.ts'
import { compilePrograms, forkPlain, killed } from './fixtures/programs.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'
import type { Operation } from './fixtures/killed.ts'
import type { Trial } from './fixtures/racer.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const program = compilePrograms(t)
const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const LOG_NAME = `${ID}.log`
const MARKER_NAME = `${ID}.cancel`

t.test('of taking and cancelling at the same moment, one wins, 500 times', { timeout: 60_000 }, async (t) => {
  const dir = t.testdir()
  const racers = ['processor', 'canceller'].map((role) => forkPlain(program('racer'), [dir, role]))
  t.teardown(() => racers.forEach((racer) => racer.kill()))
  await Promise.all(racers.map((racer) => once(racer, 'message')))
  const tally = { ran: 0, cancelled: 0 }
  // cancelling writes its marker before it reaches for the claim: the head start that makes both win about as often
  let headStart = 1000
  const wrong: string[] = []
  for (let trial = 0; trial < 500; trial++) {
    const id = `task_${trial}_a`
    writeTask(dir, {}, id)
    const answers = racers.map((racer) => once(racer, 'message'))
    racers[0]!.send({ id, delayMicroseconds: headStart + Math.random() * 500 } satisfies Trial)
    racers[1]!.send({ id, delayMicroseconds: Math.random() * 500 } satisfies Trial)
    const [[processor], [canceller]] = await Promise.all(answers) as [[string], [string]]
    const { status } = taskIn(dir, id)
    const ran = processor === 'ran' && status === 'completed' && canceller !== 'cancelled'
    const cancelled = processor === 'left alone' && status === 'cancelled' && canceller === 'cancelled'
    headStart = Math.max(0, headStart + (ran ? 100 : -100))
    if (ran) tally.ran++
    else if (cancelled) tally.cancelled++
    else wrong.push(`${id}: the processor says ${processor}, the canceller ${canceller}, the file ${status}`)
  }
  t.strictSame(wrong, [])
  t.comment(tally)
  t.ok(tally.ran > 10 && tally.cancelled > 10, 'each side won now and then: it was a race')
  t.strictSame(names(dir).filter((name) => !name.endsWith('.json')), [], 'and no claim or marker is left')
})

/** What the living do about it: first the web side, which waits no time here, then a processor at its next start. */
async function heal (dir: string): Promise<void> {
  await settle(dir)
  const status = existsSync(join(dir, JSON_NAME)) ? (await readTask(tasksDirectory(dir), ID))?.status : undefined
  if (status === 'queued' && (await readClaim(tasksDirectory(dir), ID))?.by === 'processor') await removeFile(tasksDirectory(dir), CLAIM_NAME)
  if (status === 'running') {
    if (await readCancelMarker(tasksDirectory(dir), ID) === 'cancel') await finishTask(tasksDirectory(dir), ID, { status: 'cancelled' })
    else await finishTask(tasksDirectory(dir), ID, { status: 'failed' })
  }
  await settle(dir)
}

async function settle (dir: string): Promise<void> {
  const problems: unknown[] = []
  const leftovers = new StaleFiles(tasksDirectory(dir), { staleAfterMs: 0, expireAfterMs: 0, temporaryAfterMs: 0, onError: (error) => problems.push(error) })
  // seen, settled, and settled again where the first step cleared the way for a second
  for (let round = 0; round < 3; round++) {
    await leftovers.cleanUp(existsSync(join(dir, CLAIM_NAME)) || existsSync(join(dir, MARKER_NAME)) ? [ID] : [])
    await leftovers.removeTemporaryFiles(temporaryNames(dir))
  }
  if (problems.length > 0) throw problems[0]
}

interface Found {
  readonly files: string[]
  readonly status: string
  readonly marker: 'cancel' | 'delete' | undefined
}

interface Scenario {
  readonly operation: Operation
  readonly name: string
  readonly before: (dir: string) => void
  /** How it has to end, by what stood on disk when it was killed. */
  readonly expected: (found: Found) => Array<TaskStatus | 'gone'>
  readonly withoutLinks?: boolean
}

const queued = (dir: string) => writeTask(dir)
const running = (dir: string) => writeTask(dir, { status: 'running' })
const withLog = (put: (dir: string) => void) => (dir: string) => { put(dir); writeFileSync(join(dir, LOG_NAME), 'output') }
const byMarker: Scenario['expected'] = ({ marker, status }) =>
  [marker === 'cancel' || status === 'cancelled' ? 'cancelled' : 'queued']
const byDeletion = (otherwise: TaskStatus): Scenario['expected'] => ({ marker, status }) =>
  [marker === 'delete' || status === 'gone' ? 'gone' : otherwise]
const byRecovery: Scenario['expected'] = ({ status }) => [status === 'running' ? 'failed' : status as TaskStatus]

const scenarios: Scenario[] = [
  { operation: 'create', name: 'creating a task', before: () => {}, expected: ({ status }) => [status === 'gone' ? 'gone' : 'queued'] },
  { operation: 'cancel', name: 'cancelling a queued task', before: queued, expected: byMarker },
  { operation: 'cancel', name: 'cancelling a queued task without hard links', before: queued, expected: byMarker, withoutLinks: true },
  { operation: 'cancel', name: 'cancelling a running task', before: running, expected: ({ marker }) => [marker === undefined ? 'failed' : 'cancelled'] },
  { operation: 'run', name: 'running a task', before: queued, expected: byRecovery },
  { operation: 'run', name: 'running a task without hard links', before: queued, expected: byRecovery, withoutLinks: true },
  { operation: 'refuse', name: 'not starting a task that is to be cancelled', before: (dir) => { queued(dir); writeMarker(dir, 'cancel') }, expected: () => ['cancelled'] },
  { operation: 'remove', name: 'removing a queued task', before: queued, expected: byDeletion('queued') },
  { operation: 'remove', name: 'removing a running task', before: withLog(running), expected: byDeletion('failed') },
  { operation: 'remove', name: 'removing a task that has ended', before: withLog((dir) => writeTask(dir, { status: 'completed' })), expected: byDeletion('completed') },
  { operation: 'settle', name: 'finishing a cancelling', before: (dir) => { queued(dir); writeMarker(dir, 'cancel'); writeClaim(dir, 'cancel') }, expected: () => ['cancelled'] },
  { operation: 'settle', name: 'finishing a cancelling that took no claim yet', before: (dir) => { queued(dir); writeMarker(dir, 'cancel') }, expected: () => ['cancelled'] },
  { operation: 'settle', name: 'finishing a deletion', before: withLog((dir) => { running(dir); writeMarker(dir, 'delete'); writeClaim(dir, 'cancel') }), expected: () => ['gone'] }
]

async function find (dir: string): Promise<Found> {
  return { files: names(dir), status: existsSync(join(dir, JSON_NAME)) ? taskIn(dir).status : 'gone', marker: await readCancelMarker(tasksDirectory(dir), ID) }
}

/** More than any operation has. */
const STEPS = 20

/** Kills it at its first, second… change, and once after its end. */
async function killAtEachStep (t: Test, { operation, before, expected, withoutLinks }: Scenario): Promise<void> {
  const base = t.testdir()
  const directories = Array.from({ length: STEPS }, (_, index) => join(base, String(index + 1)))
  for (const dir of directories) {
    mkdirSync(dir)
    before(dir)
  }
  const steps = await killed(program('killed'), [base, ID, operation, String(STEPS), withoutLinks ? 'no links' : 'links'])
  t.ok(steps > 3 && steps < STEPS, `killed at ${steps} steps`)
  for (const [index, dir] of directories.slice(0, steps + 1).entries()) {
    const step = index === steps ? 'at its end' : `step ${index + 1}`
    const found = await find(dir)
    const allowed = expected(found)
    await heal(dir)
    const { status, files } = await find(dir)
    const log = status !== 'gone' && found.files.includes(LOG_NAME) ? [LOG_NAME] : []
    t.ok((allowed as string[]).includes(status), `${step}: ${status}`, { found, files, allowed })
    t.strictSame([...files, ...temporaryNames(dir)], status === 'gone' ? [] : [JSON_NAME, ...log], `${step}: nothing is left over`)
    if (status === 'queued') t.ok(await claimTask(tasksDirectory(dir), ID, 'processor'), `${step}: it can be taken`)
  }
}

for (const scenario of scenarios) {
  t.test(`a kill between any two steps of ${scenario.name} leaves nothing stuck`, (t) => killAtEachStep(t, scenario))
}
