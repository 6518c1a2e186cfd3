import { join } from 'node:path'
import { DueQueue } from '../util/due-queue.ts'
import { SingleFlight } from '../util/single-flight.ts'
import { inTimeSlices } from '../util/time-slices.ts'
import { readCancelMarker, removeCancelMarker } from './cancel-marker.ts'
import { readClaim, removeClaim } from './claim.ts'
import { fileName, type FileKind } from './file-names.ts'
import { ifExists, ifReadable } from './regular-file.ts'
import { cleanUpDue, decideCleanUp, EXPIRE_AFTER_MS, STALE_AFTER_MS, TEMPORARY_AFTER_MS, type CleanUp, type StaleState } from './stale-rules.ts'
import { readTask } from './task-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { TemporaryFiles } from './temporary-files.ts'
import { cancelClaimed, cancelTask, removeTaskFiles } from './transitions.ts'

/** The longest time until the next look at files to which no rule applies, or whose clean-up fails, in ms. */
const MAX_PAUSE_MS = 600_000
/** How long one call of `cleanUp` may take, in ms: if it is called once a second, it takes 1/20 of the time at most. */
const BUDGET_MS = 50

export interface StaleFilesOptions {
  /** How long a claim or marker must be unchanged before it counts as stale, in ms. Default: 5000. */
  staleAfterMs?: number
  /** How long one is kept that alone does not show what to do, such as a claim without a task, in ms. Default: 60000. */
  expireAfterMs?: number
  /** How long a temporary file is kept, in ms. Default: an hour. */
  temporaryAfterMs?: number
  /** Whether a living processor may hold a task. Default: always. */
  isProcessorAlive?: () => boolean
  /** Set by the processor, which passes only tasks that it is not running: a `processor` claim of these is stale. Default: false. */
  isProcessor?: boolean
  /**
   * Called with the id of each task, and the name of each temporary file, whose clean-up failed (read-only, no
   * permission…). It is tried again. Default: ignores errors.
   */
  onError?: (error: unknown, name: string) => void
}

/** A task's claim and marker, by inode and mtime; undefined if there is none. */
interface Signature {
  readonly claim: string | undefined
  readonly marker: string | undefined
}

interface Observation extends Signature {
  /** When the files were first seen in this state, on the monotonic clock, in ms. */
  readonly since: number
}

/**
 * Cleans up what a crash of either side left behind: interrupted cancellations and deletions, stale claims.
 *
 * Ages are measured on this process's monotonic clock, from the first observation of the files, because the clocks of the
 * two sides may differ. A task is looked at when it is observed, and again when a rule may apply: until then it costs
 * nothing, so that many stray markers do not matter.
 */
export class StaleFiles {
  readonly #directory: TasksDirectory
  readonly #options: Required<StaleFilesOptions>
  readonly #cleanUps = new SingleFlight<string[]>()
  readonly #temporaryFiles: TemporaryFiles
  /** By id; undefined until the first look. */
  readonly #observations = new Map<string, Observation | undefined>()
  /** How often the clean-up of a task has failed in succession, by id. */
  readonly #failures = new Map<string, number>()
  readonly #looks = new DueQueue()

  constructor (directory: TasksDirectory, options: StaleFilesOptions = {}) {
    this.#directory = directory
    this.#options = {
      staleAfterMs: STALE_AFTER_MS,
      expireAfterMs: EXPIRE_AFTER_MS,
      temporaryAfterMs: TEMPORARY_AFTER_MS,
      isProcessorAlive: () => true,
      isProcessor: false,
      onError: () => {},
      ...options
    }
    const { temporaryAfterMs, onError } = this.#options
    this.#temporaryFiles = new TemporaryFiles(directory, { staleAfterMs: temporaryAfterMs, onError })
  }

  /** The task has a claim or a marker, and one of its files may have changed: the next `cleanUp` looks at it. */
  observe (id: string): void {
    if (!this.#observations.has(id)) this.#observations.set(id, undefined)
    this.#looks.bringForward(id, performance.now())
  }

  /** The task has neither a claim nor a marker any more, or must not be cleaned up. */
  forget (id: string): void {
    this.#observations.delete(id)
    this.#failures.delete(id)
    this.#looks.delete(id)
  }

  /**
   * Observes those of the tasks that are not observed yet, and forgets all others.
   * @param ids of all tasks that have a claim or a marker now
   */
  observeOnly (ids: ReadonlySet<string>): void {
    for (const id of this.#observations.keys()) if (!ids.has(id)) this.forget(id)
    for (const id of ids) if (!this.#observations.has(id)) this.observe(id)
  }

  /** @param names of temporary files that exist now; it ignores names that only other programs give */
  observeTemporaryFiles (names: Iterable<string>): void {
    this.#temporaryFiles.observe(names)
  }

  /**
   * Cleans up the observed tasks whose files are stale, and removes stale temporary files. What would take too long is left
   * for the next call. Calls during a run share its promise.
   * @returns the ids of the tasks whose files it changed or removed
   */
  cleanUp (): Promise<string[]> {
    return this.#cleanUps.run(async () => {
      const changed: string[] = []
      await inTimeSlices(this.#looks.takeDue(BUDGET_MS), async (id) => {
        if (await this.#lookAt(id)) changed.push(id)
      })
      await this.#temporaryFiles.removeStale(BUDGET_MS)
      return changed
    })
  }

  /** @returns whether it changed or removed a file */
  async #lookAt (id: string): Promise<boolean> {
    try {
      const isChanged = await this.#cleanUpTask(id)
      this.#failures.delete(id)
      return isChanged
    } catch (error) {
      const failures = this.#failures.get(id) ?? 0
      this.#failures.set(id, failures + 1)
      this.#lookAgain(id, Math.min(this.#options.staleAfterMs * 2 ** failures, MAX_PAUSE_MS))
      this.#options.onError(error, id)
      return false
    }
  }

  /** @returns whether it changed or removed a file */
  async #cleanUpTask (id: string): Promise<boolean> {
    const { isProcessor, isProcessorAlive, staleAfterMs, expireAfterMs } = this.#options
    const previous = this.#observations.get(id)
    const observation = await this.#compare(id)
    if (observation === undefined) return false
    const isNew = observation !== previous
    const state = { ...await this.#readFiles(id, observation), isProcessor, isProcessorAlive: isProcessorAlive() }
    const ageMs = performance.now() - observation.since
    const cleanUp = isNew || ageMs < staleAfterMs ? undefined : decideCleanUp({ ...state, isExpired: ageMs >= expireAfterMs })
    // if claim and marker are still the same after reading, the state belongs to them
    const isChanged = cleanUp !== undefined && await this.#compare(id) === observation && await this.#perform(cleanUp, id)
    const isSame = cleanUp === undefined || await this.#compare(id) === observation
    this.#lookAgain(id, isSame ? this.#pauseMs(cleanUpDue(state), isNew ? undefined : ageMs) : staleAfterMs)
    return isChanged
  }

  /** Compares the claim and the marker with the last observation. @returns the same one if they are unchanged */
  async #compare (id: string): Promise<Observation | undefined> {
    const previous = this.#observations.get(id)
    const [claim, marker] = await Promise.all([this.#signature(id, 'claim'), this.#signature(id, 'cancel')])
    if (claim === undefined && marker === undefined) this.forget(id)
    if (!this.#observations.has(id)) return undefined
    if (previous !== undefined && previous.claim === claim && previous.marker === marker) return previous
    const observation = { claim, marker, since: performance.now() }
    this.#observations.set(id, observation)
    return observation
  }

  async #signature (id: string, kind: FileKind): Promise<string | undefined> {
    const stats = await ifExists(this.#directory.fs.lstat(join(this.#directory.path, fileName(id, kind)), { bigint: true }))
    return stats && `${stats.ino} ${stats.mtimeNs}`
  }

  async #readFiles (id: string, files: Signature): Promise<Pick<StaleState, 'marker' | 'status' | 'claim'>> {
    const marker = files.marker === undefined ? undefined : await readCancelMarker(this.#directory, id)
    const task = await ifReadable(readTask(this.#directory, id))
    const claim = files.claim === undefined ? 'none' : await ifReadable(readClaim(this.#directory, id))
    return {
      marker: marker ?? 'none',
      status: task === undefined ? 'absent' : task === 'unreadable' ? 'unreadable' : task.status ?? 'other',
      claim: typeof claim === 'object' ? claim.by : claim ?? 'unreadable'
    }
  }

  /** How long the files need no further look, in ms, unless one of them changes. @param ageMs undefined: they are new */
  #pauseMs (due: ReturnType<typeof cleanUpDue>, ageMs?: number): number {
    const { staleAfterMs, expireAfterMs } = this.#options
    if (due === 'stale' && (ageMs === undefined || ageMs < staleAfterMs)) return staleAfterMs - (ageMs ?? 0)
    if (due !== undefined && (ageMs === undefined || ageMs < expireAfterMs)) return expireAfterMs - (ageMs ?? 0)
    // the task may change, of which there is not always a hint
    return Math.min(Math.max(expireAfterMs, ageMs ?? 0), MAX_PAUSE_MS)
  }

  #lookAgain (id: string, pauseMs: number): void {
    // it may have been observed again meanwhile
    if (this.#observations.has(id)) this.#looks.bringForward(id, performance.now() + pauseMs)
  }

  /** @returns whether it changed or removed a file */
  async #perform (cleanUp: CleanUp, id: string): Promise<boolean> {
    switch (cleanUp) {
      case 'delete-task':
      case 'delete-except-marker':
        await removeTaskFiles(this.#directory, id, { keepMarker: cleanUp === 'delete-except-marker' })
        return true
      case 'cancel-task':
        return (await cancelTask(this.#directory, id)).outcome !== 'requested'
      case 'finish-cancellation':
        await cancelClaimed(this.#directory, id)
        return await this.#removeBoth(id)
      case 'remove-both':
        return await this.#removeBoth(id)
      case 'remove-claim':
        return await removeClaim(this.#directory, id)
    }
  }

  async #removeBoth (id: string): Promise<true> {
    await removeCancelMarker(this.#directory, id)
    await removeClaim(this.#directory, id)
    return true
  }
}
