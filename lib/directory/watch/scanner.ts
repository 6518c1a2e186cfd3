import { lstatSync, type BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { fileName, type FileKind } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import type { StaleFiles } from '../../protocol/stale-files.ts'
import { forEachConcurrently } from '../../util/for-each-concurrently.ts'
import type { CatalogueEntry } from './catalogue-entry.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import { listNames } from './list-names.ts'
import type { MissedChanges } from './missed-changes.ts'
import { nameDifferences, type KnownFiles, type NameDifference } from './name-differences.ts'
import type { RefreshTarget } from './refresh-queue.ts'

/** Scans may use at most 1/100 of the time. */
const SPACING = 100
/** Files that are read at the same time. */
const CONCURRENCY = 32

export interface ScannerContext extends KnownFiles {
  readonly tasks: ReadonlyMap<string, CatalogueEntry>
  /** The directory is on a local file system. */
  readonly isLocal: boolean
  readonly identity: DirectoryIdentity
  readonly missedChanges: MissedChanges
  readonly staleFiles: StaleFiles
  /** The task file cannot be read at the moment. */
  readonly isUnreadable: (id: string) => boolean
  /** A refresh of this task is queued or running. */
  readonly isRefreshing: (id: string) => boolean
  /** Reads a new task immediately, if that is possible. @returns whether it did */
  readonly load: (id: string, options: Pick<NameDifference, 'hasLog'>) => boolean
  readonly refresh: (id: string, targets: Iterable<RefreshTarget>) => Promise<void>
}

export interface TickOptions {
  /** File events may be missing: files are compared even if no name was added or removed. */
  readonly mayMissEvents: boolean
  /** Names may have been added or removed since the last scan. */
  readonly hasChanged: boolean
  /** File events are available, so that each change found by the scan should be reported by an event as well. */
  readonly hasEvents: boolean
}

/** Finds changes missed by file events and polling, by comparing the directory with the known state. */
export class Scanner {
  readonly #dir: string
  readonly #context: ScannerContext
  /** When the next scan of names may start, on the monotonic clock. */
  #nextNamesAt = 0
  /** The same for the comparison of all task files. */
  #nextComparisonAt = 0
  #isComparisonDue = false

  constructor (dir: string, context: ScannerContext) {
    this.#dir = dir
    this.#context = context
  }

  /** Scans the names and refreshes the tasks that differ. */
  async scanNames ({ hasEvents }: Pick<TickOptions, 'hasEvents'>): Promise<void> {
    const startedAt = performance.now()
    this.#context.missedChanges.startScan()
    const finishScan = await this.#context.identity.startScan()
    const names = await listNames(this.#dir, { mayBlock: this.#context.isLocal })
    this.#context.staleFiles.observeTemporaryFiles(names)
    const differences = await nameDifferences(names, this.#context)
    if (hasEvents) for (const { id, files } of differences) for (const { kind } of files) this.#addFound(id, kind)
    this.#nextNamesAt = nextStart(startedAt)
    await forEachConcurrently(await this.#load(differences), CONCURRENCY, ({ id, files }) => this.#context.refresh(id, files.map(({ target }) => target)))
    finishScan()
  }

  /** Compares the inode, size and mtime of each known task file, and refreshes the tasks that differ. */
  async compareFiles ({ hasEvents }: Pick<TickOptions, 'hasEvents'>): Promise<void> {
    const startedAt = performance.now()
    await forEachConcurrently([...this.#context.tasks.values()], CONCURRENCY, (entry) => this.#context.isLocal
      // this takes a fifth of the time of the thread pool
      ? this.#refreshChanged(entry, lstatSync(this.#pathOf(entry), { bigint: true, throwIfNoEntry: false }), hasEvents)
      : this.#compareFile(entry, hasEvents))
    this.#nextComparisonAt = nextStart(startedAt)
  }

  /** Scans as often as the cost of scans allows. Call it once a second. */
  async tick ({ hasChanged, hasEvents, mayMissEvents }: TickOptions): Promise<void> {
    this.#context.missedChanges.countOverdue()
    if (mayMissEvents) this.#isComparisonDue = true
    if (hasChanged && performance.now() >= this.#nextNamesAt) {
      this.#isComparisonDue = true
      await this.scanNames({ hasEvents })
    }
    if (this.#isComparisonDue && performance.now() >= this.#nextComparisonAt) {
      this.#isComparisonDue = false
      await this.compareFiles({ hasEvents })
    }
  }

  /** @returns the differences that are to be refreshed */
  async #load (differences: readonly NameDifference[]): Promise<NameDifference[]> {
    const rest: NameDifference[] = []
    await inTimeSlices(differences, (difference) => {
      const { id, files } = difference
      // a claim or a cancel marker must be read first
      const isTaskFileOnly = files.length === 1 && files[0]!.target === 'task-file'
      if (!isTaskFileOnly || !this.#context.load(id, difference)) rest.push(difference)
    })
    return rest
  }

  async #compareFile (entry: CatalogueEntry, hasEvents: boolean): Promise<void> {
    await this.#refreshChanged(entry, await ifExists(lstat(this.#pathOf(entry), { bigint: true })), hasEvents)
  }

  #pathOf ({ id }: CatalogueEntry): string {
    return join(this.#dir, fileName(id, 'json'))
  }

  #refreshChanged (entry: CatalogueEntry, stats: BigIntStats | undefined, hasEvents: boolean): Promise<void> | undefined {
    const { id } = entry
    const comparison = entry.compareFile(stats)
    if (comparison === 'changed' && hasEvents && !this.#context.isUnreadable(id)) this.#addFound(id, 'json')
    return comparison === 'changed' || comparison === 'uncertain' ? this.#context.refresh(id, ['task-file']) : undefined
  }

  #addFound (id: string, kind: FileKind): void {
    if (!this.#context.isRefreshing(id)) this.#context.missedChanges.addFound(fileName(id, kind))
  }
}

function nextStart (startedAt: number): number {
  const now = performance.now()
  return now + (now - startedAt) * SPACING
}
