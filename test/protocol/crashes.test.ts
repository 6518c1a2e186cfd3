import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readCancelMarker } from '../../lib/protocol/cancel-marker.ts'
import { claimTask, readClaim, removeClaim } from '../../lib/protocol/claim.ts'
import { StaleFiles } from '../../lib/protocol/stale-files.ts'
import { readTask } from '../../lib/protocol/task-file.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { finishTask } from '../../lib/protocol/transitions.ts'
import type { TaskStatus } from '../../lib/shared/task-status.ts'
import type { Operation } from './fixtures/die-at-step.ts'
import { compilePrograms, runUntilKilled } from './fixtures/programs.ts'
import { ID, names, taskIn, temporaryNames, writeClaim, writeMarker, writeTask } from './fixtures/task-files.ts'

const program = compilePrograms(t)
const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`
const LOG_NAME = `${ID}.log`
const MARKER_NAME = `${ID}.cancel`

/** Recovers as the web side does, without its delays, and as a processor does when it starts. */
async function recover (dir: string): Promise<void> {
  const directory = tasksDirectory(dir)
  await cleanUp(dir)
  const status = (await readTask(directory, ID))?.status
  if (status === 'queued' && (await readClaim(directory, ID))?.by === 'processor') await removeClaim(directory, ID)
  if (status === 'running') {
    const isCancelled = await readCancelMarker(directory, ID) === 'cancel'
    await finishTask(directory, ID, { status: isCancelled ? 'cancelled' : 'failed' })
  }
  await cleanUp(dir)
}

async function cleanUp (dir: string): Promise<void> {
  const errors: unknown[] = []
  const staleFiles = new StaleFiles(tasksDirectory(dir), { staleAfterMs: 0, expireAfterMs: 0, temporaryAfterMs: 0, onError: (error) => errors.push(error) })
  // the first round observes; the second one may prepare the way for a third
  for (let round = 0; round < 3; round++) {
    staleFiles.observeOnly(new Set(existsSync(join(dir, CLAIM_NAME)) || existsSync(join(dir, MARKER_NAME)) ? [ID] : []))
    staleFiles.observeTemporaryFiles(temporaryNames(dir))
    await staleFiles.cleanUp()
  }
  if (errors.length > 0) throw errors[0]
}

interface Snapshot {
  readonly files: string[]
  readonly status: string
  readonly marker: 'cancel' | 'delete' | undefined
}

interface Scenario {
  readonly name: string
  readonly operation: Operation
  readonly arrange: (dir: string) => void
  /** The allowed results of the recovery, by the state at the time of the kill. */
  readonly expected: (killed: Snapshot) => Array<TaskStatus | 'gone'>
  readonly withoutLinks?: boolean
}

const queued = (dir: string) => writeTask(dir)
const running = (dir: string) => writeTask(dir, { status: 'running' })
const withLog = (arrange: (dir: string) => void) => (dir: string) => { arrange(dir); writeFileSync(join(dir, LOG_NAME), 'output') }
const byMarker: Scenario['expected'] = ({ marker, status }) =>
  [marker === 'cancel' || status === 'cancelled' ? 'cancelled' : 'queued']
const byDeletion = (otherwise: TaskStatus): Scenario['expected'] => ({ marker, status }) =>
  [marker === 'delete' || status === 'gone' ? 'gone' : otherwise]
const byRecovery: Scenario['expected'] = ({ status }) => [status === 'running' ? 'failed' : status as TaskStatus]

const scenarios: Scenario[] = [
  { name: 'creating a task', operation: 'create', arrange: () => {}, expected: ({ status }) => [status === 'gone' ? 'gone' : 'queued'] },
  { name: 'cancelling a queued task', operation: 'cancel', arrange: queued, expected: byMarker },
  { name: 'cancelling a queued task without hard links', operation: 'cancel', arrange: queued, expected: byMarker, withoutLinks: true },
  { name: 'cancelling a running task', operation: 'cancel', arrange: running, expected: ({ marker }) => [marker === undefined ? 'failed' : 'cancelled'] },
  { name: 'running a task', operation: 'run', arrange: queued, expected: byRecovery },
  { name: 'running a task without hard links', operation: 'run', arrange: queued, expected: byRecovery, withoutLinks: true },
  { name: 'cancelling a task after the processor claimed it', operation: 'cancelAfterClaim', arrange: (dir) => { queued(dir); writeMarker(dir, 'cancel') }, expected: () => ['cancelled'] },
  { name: 'deleting a queued task', operation: 'delete', arrange: queued, expected: byDeletion('queued') },
  { name: 'deleting a running task', operation: 'delete', arrange: withLog(running), expected: byDeletion('failed') },
  { name: 'deleting a finished task', operation: 'delete', arrange: withLog((dir) => writeTask(dir, { status: 'completed' })), expected: byDeletion('completed') },
  { name: 'finishing a cancellation that has a claim', operation: 'cleanUp', arrange: (dir) => { queued(dir); writeMarker(dir, 'cancel'); writeClaim(dir, 'cancel') }, expected: () => ['cancelled'] },
  { name: 'finishing a cancellation that has no claim', operation: 'cleanUp', arrange: (dir) => { queued(dir); writeMarker(dir, 'cancel') }, expected: () => ['cancelled'] },
  { name: 'finishing a deletion', operation: 'cleanUp', arrange: withLog((dir) => { running(dir); writeMarker(dir, 'delete'); writeClaim(dir, 'cancel') }), expected: () => ['gone'] }
]

async function snapshot (dir: string): Promise<Snapshot> {
  return { files: names(dir), status: existsSync(join(dir, JSON_NAME)) ? taskIn(dir).status : 'gone', marker: await readCancelMarker(tasksDirectory(dir), ID) }
}

/** More than any operation has. */
const MAX_STEPS = 20

/** Kills the operation at each of its steps, and after the last one, in a directory each. */
async function killAtEachStep (t: Test, { operation, arrange, expected, withoutLinks }: Scenario): Promise<void> {
  const base = t.testdir()
  const directories = Array.from({ length: MAX_STEPS }, (_, index) => join(base, String(index + 1)))
  for (const dir of directories) {
    mkdirSync(dir)
    arrange(dir)
  }
  const steps = await runUntilKilled(program('die-at-step'), [base, ID, operation, String(MAX_STEPS), withoutLinks ? 'no-links' : 'links'])
  t.ok(steps > 3 && steps < MAX_STEPS, `the operation has ${steps} steps`)
  for (const [index, dir] of directories.slice(0, steps + 1).entries()) {
    const step = index === steps ? 'after the last step' : `at step ${index + 1}`
    const killed = await snapshot(dir)
    const allowed = expected(killed)
    await recover(dir)
    const { status, files } = await snapshot(dir)
    const log = status !== 'gone' && killed.files.includes(LOG_NAME) ? [LOG_NAME] : []
    t.ok((allowed as string[]).includes(status), `killed ${step}, the task is ${status}`, { killed, files, allowed })
    t.strictSame([...files, ...temporaryNames(dir)], status === 'gone' ? [] : [JSON_NAME, ...log], `killed ${step}, no other files remain`)
    if (status === 'queued') t.ok(await claimTask(tasksDirectory(dir), ID, 'processor'), `killed ${step}, the task can be claimed`)
  }
}

for (const scenario of scenarios) {
  t.test(`a kill at any step of ${scenario.name} is recovered`, (t) => killAtEachStep(t, scenario))
}
