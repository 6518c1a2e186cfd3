import { readClaim } from '../../protocol/claim.ts'
import { fileName, parseFileName, type FileKind } from '../../protocol/file-names.ts'
import { readTask } from '../../protocol/task-file.ts'
import { removeFile } from '../../protocol/write-file.ts'
import { isActive, isTerminal } from '../../shared/task-status.ts'
import type { Attempt } from '../state/attempt.ts'
import { isRunning } from '../os/process-stat.ts'
import { isGateDecided, wasStarted } from '../state/attempt-record.ts'
import type { RunContext } from './run-context.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** How long a wrapper that has lost its processor may take to see that, in ms: some at most, unless it is stopped. */
const DECIDE_MS = 5_000

/** The ids that have a file of one of these kinds. */
export function idsWith (kinds: FileKind[], names: Iterable<string>): string[] {
  const ids = new Set<string>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file !== undefined && kinds.includes(file.kind)) ids.add(file.id)
  }
  return [...ids]
}

/** What an earlier processor left to be done. */
export interface Recovered {
  /** Commands that were begun, whatever became of them. */
  readonly begun: readonly Attempt[]
  /** What was prepared, and never begun. */
  readonly unbegun: readonly Attempt[]
  /** Tasks that say that they run, of which there is no record. */
  readonly unknown: readonly string[]
}

/**
 * Recovers the state left by an earlier processor, using only the records. The locks must be
 * held: then nobody else's processor claims a task or runs one.
 * @param names the directory's
 * @param running the tasks whose files say so
 */
export async function recover (context: RunContext, names: Iterable<string>, running: Iterable<string>): Promise<Recovered> {
  const [begun, unbegun]: [Attempt[], Attempt[]] = [[], []]
  const recorded = new Set<string>()
  for (const attempt of context.state.readAttempts()) {
    const { finished, header: { id } } = attempt.record
    // after a crash of the machine, its end may be there no more; else the task may be another one by now
    if (finished === true && attempt.isOfThisBoot) {
      context.state.forgetFinished(attempt)
      continue
    }
    recorded.add(id)
    const part = await wasBegun(attempt) ? begun : unbegun
    part.push(attempt)
  }
  for (const id of idsWith(['claim'], names)) {
    await settleClaim(context.directory, id).catch((error: Error) => context.logger.warn(`${id}: its claim can't be cleared: ${error.message}`))
  }
  return { begun, unbegun, unknown: [...running].filter((id) => !recorded.has(id)) }
}

/** A command is let go only after its leader stands in the record; after that, whoever waits at the gate says what it saw. */
async function wasBegun (attempt: Attempt): Promise<boolean> {
  const since = performance.now()
  return wasStarted(await attempt.until((record) =>
    isGateDecided(record, (leader) => attempt.isOfThisBoot && isRunning(leader)) || performance.now() - since > DECIDE_MS))
}

/** A task that is still queued never started, and is taken again; one that runs or has ended needs no claim. */
async function settleClaim (directory: TasksDirectory, id: string): Promise<void> {
  const status = (await readTask(directory, id))?.status
  const abandoned = isActive(status) && (await readClaim(directory, id))?.by === 'processor'
  if (abandoned || isTerminal(status)) await removeFile(directory, fileName(id, 'claim'))
}
