import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue, Entry } from './catalogue.ts'
import { fileName, isTemporaryName, parseFileName, type FileKind } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import { fingerprintOf } from '../../protocol/task-file.ts'
import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import type { Part } from './refresh-queue.ts'

/** Scans may use at most 1/100 of the time. */
const SPACING = 100
/** Files looked at side by side. */
const BATCH = 32

export interface ScannerContext {
  readonly guard: DirectoryIdentity
  readonly known: Catalogue
  readonly side: ReadonlySet<string>
  readonly deleted: ReadonlySet<string>
  /** Whether a look at this task is under way or to come. */
  readonly busy: (id: string) => boolean
  readonly look: (id: string, parts: Iterable<Part>) => Promise<void>
  /** Called at the first change that only a scan found. */
  readonly onMissed: () => void
}

/** Finds changes missed by the watchers, by comparing the directory with the known state. */
export class Scanner {
  readonly #dir: string
  readonly #context: ScannerContext
  /** Names that the system told since the last scan began. */
  readonly #hinted = new Set<string>()
  /** Names that a scan found changed and the system has not told yet. */
  #suspects = new Set<string>()
  #nextNames = 0
  #nextCompare = 0
  #compareDue = false
  #missed = 0
  #temporaries: readonly string[] = []

  constructor (dir: string, context: ScannerContext) {
    this.#dir = dir
    this.#context = context
  }

  /** How many changes only a scan found. */
  get missedChanges (): number {
    return this.#missed
  }

  /** Names of temporary files, as of the last scan. */
  get temporaries (): readonly string[] {
    return this.#temporaries
  }

  /** The system told this name. */
  hinted (name: string): void {
    this.#hinted.add(name)
    this.#suspects.delete(name)
  }

  wasHinted (name: string): boolean {
    return this.#hinted.has(name)
  }

  /** Compares the names, and with `compare` also each known task file's inode, size and time. */
  async scan ({ compare }: { compare: boolean }): Promise<void> {
    await this.#scanNames(false)
    if (compare) await this.#compareFiles(false)
  }

  /** Once a second: scans as often as scans are cheap. */
  async tick ({ changed, attached }: { changed: boolean, attached: boolean }): Promise<void> {
    this.#countMissed()
    if (changed && performance.now() >= this.#nextNames) {
      this.#compareDue = true
      await this.#scanNames(attached)
    }
    if (this.#compareDue && performance.now() >= this.#nextCompare) {
      this.#compareDue = false
      await this.#compareFiles(attached)
    }
  }

  async #scanNames (suspicious: boolean): Promise<void> {
    const started = performance.now()
    this.#hinted.clear()
    const done = await this.#context.guard.startScan()
    const names = await readdir(this.#dir)
    this.#temporaries = names.filter(isTemporaryName)
    const found = this.#differences(names, suspicious)
    this.#nextNames = performance.now() + (performance.now() - started) * SPACING
    const differences = [...found]
    for (let index = 0; index < differences.length; index += BATCH) {
      await Promise.all(differences.slice(index, index + BATCH).map(([id, parts]) => this.#context.look(id, parts)))
    }
    done()
  }

  #differences (names: string[], suspicious: boolean): Map<string, Set<Part>> {
    const { known, side } = this.#context
    const present = new Map<string, Set<FileKind>>()
    for (const name of names) {
      const file = parseFileName(name)
      if (file === undefined) continue
      const kinds = present.get(file.id)
      if (kinds === undefined) present.set(file.id, new Set([file.kind]))
      else kinds.add(file.kind)
    }
    const differences = new Map<string, Set<Part>>()
    const differs = (id: string, kind: FileKind, part: Part) => {
      if (suspicious) this.#suspect(id, kind)
      differences.set(id, (differences.get(id) ?? new Set()).add(part))
    }
    for (const [id, kinds] of present) {
      const entry = known.get(id)
      if (kinds.has('json') && entry === undefined && !this.#context.deleted.has(id)) differs(id, 'json', 'json')
      if (kinds.has('log') && entry?.tail !== undefined && !entry.hasLog) differs(id, 'log', 'log')
      const sideKind = kinds.has('cancel') ? 'cancel' : kinds.has('claim') ? 'claim' : undefined
      if (sideKind !== undefined && !side.has(id)) differs(id, sideKind, 'side')
    }
    for (const { id } of known.entries()) if (!present.get(id)?.has('json')) differs(id, 'json', 'json')
    for (const id of side) {
      const kinds = present.get(id)
      if (!kinds?.has('claim') && !kinds?.has('cancel')) differs(id, 'claim', 'side')
    }
    return differences
  }

  async #compareFiles (suspicious: boolean): Promise<void> {
    const started = performance.now()
    const entries = [...this.#context.known.entries()]
    for (let index = 0; index < entries.length; index += BATCH) {
      await Promise.all(entries.slice(index, index + BATCH).map((entry) => this.#compareFile(entry, suspicious)))
    }
    this.#nextCompare = performance.now() + (performance.now() - started) * SPACING
  }

  async #compareFile ({ id, fingerprint, settled, unreadable }: Entry, suspicious: boolean): Promise<void> {
    const stats = await ifExists(lstat(join(this.#dir, fileName(id, 'json')), { bigint: true }))
    if (fingerprint === undefined) return
    const differs = stats === undefined || fingerprintOf(stats) !== fingerprint
    if (differs && suspicious && !unreadable) this.#suspect(id, 'json')
    if (differs || !settled) await this.#context.look(id, ['json'])
  }

  #suspect (id: string, kind: FileKind): void {
    const name = fileName(id, kind)
    if (!this.#hinted.has(name) && !this.#context.busy(id)) this.#suspects.add(name)
  }

  /** Changes that were not reported within a second count as dropped events. */
  #countMissed (): void {
    if (this.#suspects.size === 0) return
    if (this.#missed === 0) this.#context.onMissed()
    this.#missed += this.#suspects.size
    this.#suspects = new Set()
  }
}
