import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import { fileName, type FileKind } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import type { StaleFiles } from '../../protocol/stale-files.ts'
import { forEachConcurrently } from '../../util/for-each-concurrently.ts'
import type { CatalogueEntry } from './catalogue-entry.ts'
import type { MissedChanges } from './missed-changes.ts'
import { nameDifferences, type KnownFiles } from './name-differences.ts'
import type { RefreshTarget } from './refresh-queue.ts'

/** Scans may use at most 1/100 of the time. */
const SPACING = 100
/** Files that are read at the same time. */
const CONCURRENCY = 32
/** Names that are read in one turn of the event loop. */
const NAMES_AT_ONCE = 4096

export interface ScannerContext extends KnownFiles {
  readonly tasks: ReadonlyMap<string, CatalogueEntry>
  readonly identity: DirectoryIdentity
  readonly missedChanges: MissedChanges
  readonly staleFiles: StaleFiles
  /** The task file cannot be read at the moment. */
  readonly isUnreadable: (id: string) => boolean
  /** A refresh of this task is queued or running. */
  readonly isRefreshing: (id: string) => boolean
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
    const names: string[] = []
    // a long list that arrives at once would block the event loop
    for await (const { name } of await opendir(this.#dir, { bufferSize: NAMES_AT_ONCE })) names.push(name)
    this.#context.staleFiles.observeTemporaryFiles(names)
    const differences = await nameDifferences(names, this.#context)
    if (hasEvents) for (const { id, files } of differences) for (const { kind } of files) this.#addFound(id, kind)
    this.#nextNamesAt = nextStart(startedAt)
    await forEachConcurrently(differences, CONCURRENCY, ({ id, files }) => this.#context.refresh(id, files.map(({ target }) => target)))
    finishScan()
  }

  /** Compares the inode, size and mtime of each known task file, and refreshes the tasks that differ. */
  async compareFiles ({ hasEvents }: Pick<TickOptions, 'hasEvents'>): Promise<void> {
    const startedAt = performance.now()
    await forEachConcurrently([...this.#context.tasks.values()], CONCURRENCY, (entry) => this.#compareFile(entry, hasEvents))
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

  async #compareFile (entry: CatalogueEntry, hasEvents: boolean): Promise<void> {
    const { id } = entry
    const stats = await ifExists(lstat(join(this.#dir, fileName(id, 'json')), { bigint: true }))
    const comparison = entry.compareFile(stats)
    if (comparison === 'changed' && hasEvents && !this.#context.isUnreadable(id)) this.#addFound(id, 'json')
    if (comparison === 'changed' || comparison === 'uncertain') await this.#context.refresh(id, ['task-file'])
  }

  #addFound (id: string, kind: FileKind): void {
    if (!this.#context.isRefreshing(id)) this.#context.missedChanges.addFound(fileName(id, kind))
  }
}

function nextStart (startedAt: number): number {
  const now = performance.now()
  return now + (now - startedAt) * SPACING
}
