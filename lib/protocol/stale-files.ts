import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { isTerminal, type TaskStatus } from '../shared/task.ts'
import { readCancelMarker, removeCancelMarker } from './cancel-marker.ts'
import { readClaim, type ClaimHolder } from './claim.ts'
import { fileName, isTemporaryName, type FileKind } from './file-names.ts'
import { ifExists, ifReadable } from './regular-file.ts'
import { readTask } from './task-file.ts'
import { cancelClaimed, cancelTask, removeTaskFiles } from './transitions.ts'
import { removeFile } from './write-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'

export interface StaleFilesOptions {
  /** How long a claim or marker must stand unchanged before it counts as left behind, in ms. Default: 5000. */
  staleAfterMs?: number
  /** How long an inconclusive one is kept, in ms. Default: 60000. */
  expireAfterMs?: number
  /** How long a temporary file is kept, in ms. Default: an hour. */
  temporaryAfterMs?: number
  /** Whether a living processor may hold a task. Default: always. */
  isProcessorAlive?: () => boolean
  /** Set by the processor, which excludes its own tasks: any remaining `processor` claim is then stale. Default: false. */
  isProcessor?: boolean
  /** Told what could not be settled (read-only, no rights…) and is tried again. Default: nobody is told. */
  onError?: (error: unknown, name: string) => void
}

/** A task's claim and marker as they stood when they were first seen; undefined where there was none. */
interface Sighting {
  readonly claim: string | undefined
  readonly marker: string | undefined
  readonly since: number
  due: number
}

/** What the files say of it. `holder` is undefined where there is no claim, or none that can be read. */
interface State {
  readonly marker: 'cancel' | 'delete' | undefined
  readonly status: TaskStatus | 'absent' | 'unreadable' | undefined
  readonly holder: ClaimHolder | undefined
}

/**
 * Cleans up what a crash of either side left behind: interrupted cancellations and deletions, stale claims.
 *
 * Ages are taken on this process's monotonic clock, from when it first saw the files: the clocks of two sides may
 * differ. So a check costs one map lookup for an id until it is due.
 */
export class StaleFiles {
  readonly #directory: TasksDirectory
  readonly #staleAfterMs: number
  readonly #expireAfterMs: number
  readonly #temporaryAfterMs: number
  readonly #isProcessorAlive: () => boolean
  readonly #isProcessor: boolean
  readonly #onError: (error: unknown, name: string) => void
  #sightings = new Map<string, Sighting>()
  #temporaries = new Map<string, number>()
  #checking: Promise<string[]> | undefined

  constructor (directory: TasksDirectory, options: StaleFilesOptions = {}) {
    this.#directory = directory
    this.#staleAfterMs = options.staleAfterMs ?? 5_000
    this.#expireAfterMs = options.expireAfterMs ?? 60_000
    this.#temporaryAfterMs = options.temporaryAfterMs ?? 3_600_000
    this.#isProcessorAlive = options.isProcessorAlive ?? (() => true)
    this.#isProcessor = options.isProcessor ?? false
    this.#onError = options.onError ?? (() => {})
  }

  /**
   * RefreshQueue after the tasks that have a claim or a marker now; others are forgotten. While a check is under way,
   * another call gets that one's promise.
   * @returns the ids of the tasks whose files it changed or removed
   */
  cleanUp (ids: Iterable<string>): Promise<string[]> {
    this.#checking ??= this.#checkAll(ids).finally(() => { this.#checking = undefined })
    return this.#checking
  }

  /** Removes temporary files that a killed writer left, from the names that the directory has now. */
  async removeTemporaryFiles (names: Iterable<string>): Promise<void> {
    const now = performance.now()
    const known = this.#temporaries
    this.#temporaries = new Map()
    for (const name of names) {
      if (!isTemporaryName(name)) continue
      // a name is random and never used again: the same name is the same file
      const since = known.get(name) ?? now
      this.#temporaries.set(name, since)
      if (now - since < this.#temporaryAfterMs) continue
      await removeFile(this.#directory, name).catch((error) => this.#onError(error, name))
    }
  }

  async #checkAll (ids: Iterable<string>): Promise<string[]> {
    const known = this.#sightings
    this.#sightings = new Map()
    const changed: string[] = []
    for (const id of ids) {
      const sighting = known.get(id)
      if (sighting !== undefined) this.#sightings.set(id, sighting)
      if (sighting !== undefined && performance.now() < sighting.due) continue
      try {
        if (await this.#lookAt(id, sighting)) changed.push(id)
      } catch (error) {
        this.#onError(error, id)
      }
    }
    return changed
  }

  async #lookAt (id: string, sighting: Sighting | undefined): Promise<boolean> {
    const state = sighting && await this.#read(id)
    // Checked after reading: if claim and marker are unchanged since the first observation, the state read belongs to
    // them.
    const now = await this.#see(id)
    if (sighting === undefined || state === undefined || now.claim !== sighting.claim || now.marker !== sighting.marker) {
      this.#sightings.set(id, now)
      return false
    }
    sighting.due = now.due
    return await this.#settle(id, state, now.since - sighting.since >= this.#expireAfterMs)
  }

  async #see (id: string): Promise<Sighting> {
    const [claim, marker] = await Promise.all([this.#signature(id, 'claim'), this.#signature(id, 'cancel')])
    const since = performance.now()
    return { claim, marker, since, due: since + this.#staleAfterMs }
  }

  async #signature (id: string, kind: FileKind): Promise<string | undefined> {
    const stats = await ifExists(lstat(join(this.#directory.path, fileName(id, kind)), { bigint: true }))
    return stats && `${stats.ino} ${stats.mtimeNs}`
  }

  async #read (id: string): Promise<State> {
    const marker = await readCancelMarker(this.#directory, id)
    const task = await ifReadable(readTask(this.#directory, id))
    const claim = await ifReadable(readClaim(this.#directory, id))
    return {
      marker,
      status: task === 'unreadable' ? 'unreadable' : task === undefined ? 'absent' : task.status,
      holder: claim === 'unreadable' ? undefined : claim?.by
    }
  }

  /** @returns whether it changed or removed a file */
  async #settle (id: string, { marker, status, holder }: State, forget: boolean): Promise<boolean> {
    if (marker === 'delete') {
      // a living holder clears the marker itself, once it has stopped the command
      await removeTaskFiles(this.#directory, id, { keepMarker: this.#isProcessorAlive() && !forget })
      return true
    }
    if (status === 'absent') return forget && await this.#clear(id)
    if (isTerminal(status)) return await this.#clear(id)
    return status === 'queued' && await this.#settleQueued(id, marker, holder, forget)
  }

  async #settleQueued (id: string, marker: State['marker'], holder: State['holder'], forget: boolean): Promise<boolean> {
    const claimed = this.#sightings.get(id)?.claim !== undefined
    // the canceller died before its claim: start over, through the gate
    if (marker === 'cancel' && !claimed) return await cancelTask(this.#directory, id) !== 'requested'
    if (marker === 'cancel' && holder === 'cancel') {
      await cancelClaimed(this.#directory, id)
      return await this.#clear(id)
    }
    const leftBehind = holder === 'processor'
      // the processor failed to remove its claim (full or read-only disk, no descriptors). Only the processor may clear
      // it: to others, a suspended processor looks dead but may resume
      ? this.#isProcessor
      // nobody is cancelling, or the claim was never completed (a mount without links)
      : forget
    return claimed && leftBehind && await this.#clearClaim(id)
  }

  async #clear (id: string): Promise<boolean> {
    await removeCancelMarker(this.#directory, id)
    await this.#clearClaim(id)
    return true
  }

  async #clearClaim (id: string): Promise<boolean> {
    return await removeFile(this.#directory, fileName(id, 'claim'))
  }
}
