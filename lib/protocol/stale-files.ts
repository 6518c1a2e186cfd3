import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { SingleFlight } from '../util/single-flight.ts'
import { readCancelMarker, removeCancelMarker } from './cancel-marker.ts'
import { readClaim, removeClaim } from './claim.ts'
import { fileName, type FileKind } from './file-names.ts'
import { ifExists, ifReadable } from './regular-file.ts'
import { decideCleanUp, EXPIRE_AFTER_MS, STALE_AFTER_MS, TEMPORARY_AFTER_MS, type CleanUp, type StaleState } from './stale-rules.ts'
import { readTask } from './task-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { TemporaryFiles } from './temporary-files.ts'
import { cancelClaimed, cancelTask, removeTaskFiles } from './transitions.ts'

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

/** A task's claim and marker when they were first seen, by inode and mtime; undefined if there was none. */
interface Observation {
  readonly claim: string | undefined
  readonly marker: string | undefined
  /** On the monotonic clock, in ms. */
  readonly since: number
  /** When the next check is due, on the same clock. */
  due: number
}

/**
 * Cleans up what a crash of either side left behind: interrupted cancellations and deletions, stale claims.
 *
 * Ages are measured on this process's monotonic clock, from the first observation of the files, because the clocks of the
 * two sides may differ. Until a task is due, a check costs one map lookup.
 */
export class StaleFiles {
  readonly #directory: TasksDirectory
  readonly #options: Required<StaleFilesOptions>
  readonly #cleanUps = new SingleFlight<string[]>()
  readonly #temporaryFiles: TemporaryFiles
  #observations = new Map<string, Observation>()

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

  /**
   * Observes the tasks that have a claim or a marker now, and cleans up those whose files are stale. Tasks that are no
   * longer passed are forgotten. Calls during a run share its promise.
   * @returns the ids of the tasks whose files it changed or removed
   */
  cleanUp (ids: Iterable<string>): Promise<string[]> {
    return this.#cleanUps.run(() => this.#cleanUpAll(ids))
  }

  /**
   * Removes temporary files of writers that were killed.
   * @param names all names in the directory now
   */
  async removeTemporaryFiles (names: Iterable<string>): Promise<void> {
    await this.#temporaryFiles.removeStale(names)
  }

  async #cleanUpAll (ids: Iterable<string>): Promise<string[]> {
    const known = this.#observations
    this.#observations = new Map()
    const changed: string[] = []
    for (const id of ids) {
      const first = known.get(id)
      if (first !== undefined) this.#observations.set(id, first)
      if (first !== undefined && performance.now() < first.due) continue
      try {
        if (await this.#cleanUpTask(id, first)) changed.push(id)
      } catch (error) {
        this.#options.onError(error, id)
      }
    }
    return changed
  }

  /** @returns whether it changed or removed a file */
  async #cleanUpTask (id: string, first: Observation | undefined): Promise<boolean> {
    const files = first && await this.#readFiles(id)
    // observed after reading: if claim and marker are unchanged since the first observation, the state read belongs to them
    const now = await this.#observe(id)
    if (first === undefined || files === undefined || now.claim !== first.claim || now.marker !== first.marker) {
      this.#observations.set(id, now)
      return false
    }
    first.due = now.due
    const { isProcessor, isProcessorAlive, expireAfterMs } = this.#options
    const cleanUp = decideCleanUp({
      ...files,
      claim: first.claim === undefined ? 'none' : files.claim,
      isExpired: now.since - first.since >= expireAfterMs,
      isProcessor,
      isProcessorAlive: isProcessorAlive()
    })
    return cleanUp !== undefined && await this.#perform(cleanUp, id)
  }

  async #observe (id: string): Promise<Observation> {
    const [claim, marker] = await Promise.all([this.#signature(id, 'claim'), this.#signature(id, 'cancel')])
    const since = performance.now()
    return { claim, marker, since, due: since + this.#options.staleAfterMs }
  }

  async #signature (id: string, kind: FileKind): Promise<string | undefined> {
    const stats = await ifExists(lstat(join(this.#directory.path, fileName(id, kind)), { bigint: true }))
    return stats && `${stats.ino} ${stats.mtimeNs}`
  }

  /** A missing claim is reported as `unreadable`; the caller knows from the observation whether there is one. */
  async #readFiles (id: string): Promise<Pick<StaleState, 'marker' | 'status' | 'claim'>> {
    const marker = await readCancelMarker(this.#directory, id)
    const task = await ifReadable(readTask(this.#directory, id))
    const claim = await ifReadable(readClaim(this.#directory, id))
    return {
      marker: marker ?? 'none',
      status: task === undefined ? 'absent' : task === 'unreadable' ? 'unreadable' : task.status ?? 'other',
      claim: claim === undefined || claim === 'unreadable' ? 'unreadable' : claim.by
    }
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
