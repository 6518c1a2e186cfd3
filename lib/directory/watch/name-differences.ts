import { parseFileName, type FileKind } from '../../protocol/file-names.ts'
import { inTimeSlices } from '../../util/time-slices.ts'
import type { RefreshTarget } from './refresh-queue.ts'

/** What is known about the files of a tasks directory. */
export interface KnownFiles {
  /** Tasks whose task file is known. */
  readonly tasks: ReadonlyMap<string, unknown>
  /** Tasks that have a claim or a cancel marker. */
  readonly sideFiles: ReadonlySet<string>
  /** The task counts as deleted, whether its file exists or not. */
  readonly isDeleted: (id: string) => boolean
  /** The task is known, and its log does not exist. */
  readonly isLogMissing: (id: string) => boolean
}

/** The files of one task that appeared or disappeared. */
export interface NameDifference {
  readonly id: string
  /** The task has a log, known or not. */
  readonly hasLog: boolean
  readonly files: readonly DifferentFile[]
}

export interface DifferentFile {
  readonly kind: FileKind
  /** What to refresh. */
  readonly target: RefreshTarget
}

/** Compares the names in a tasks directory with the known files, in time slices: there may be hundreds of thousands. */
export async function nameDifferences (names: readonly string[], known: KnownFiles): Promise<NameDifference[]> {
  const present = new Map<string, Presence>()
  await inTimeSlices(names, (name) => {
    const file = parseFileName(name)
    if (file !== undefined) present.set(file.id, (present.get(file.id) ?? ABSENT) | BITS[file.kind])
  })
  const differences: NameDifference[] = []
  const compare = (id: string, find: typeof appeared): void => {
    const presence = present.get(id) ?? ABSENT
    const files = find(id, presence, known)
    if (files.length > 0) differences.push({ id, hasLog: has(presence, 'log'), files })
  }
  await inTimeSlices(present.keys(), (id) => compare(id, appeared))
  await inTimeSlices(known.tasks.keys(), (id) => compare(id, disappeared))
  await inTimeSlices(known.sideFiles, (id) => { if (!known.tasks.has(id)) compare(id, disappeared) })
  return differences
}

/** Which files of a task exist, as a sum of bits: objects would take most of the time of a scan. */
type Presence = number

const ABSENT: Presence = 0
const BITS: Readonly<Record<FileKind, Presence>> = { json: 1, log: 2, claim: 4, cancel: 8 }

const DIFFERENT: Readonly<Record<FileKind, DifferentFile>> = {
  json: { kind: 'json', target: 'task-file' },
  log: { kind: 'log', target: 'log' },
  claim: { kind: 'claim', target: 'side-files' },
  cancel: { kind: 'cancel', target: 'side-files' }
}

function has (files: Presence, kind: FileKind): boolean {
  return (files & BITS[kind]) !== 0
}

function appeared (id: string, files: Presence, known: KnownFiles): DifferentFile[] {
  const found: DifferentFile[] = []
  const sideKind = sideKindOf(files)
  if (has(files, 'json') && !known.tasks.has(id) && !known.isDeleted(id)) found.push(DIFFERENT.json)
  if (has(files, 'log') && known.isLogMissing(id)) found.push(DIFFERENT.log)
  if (sideKind !== undefined && !known.sideFiles.has(id)) found.push(DIFFERENT[sideKind])
  return found
}

function disappeared (id: string, files: Presence, known: KnownFiles): DifferentFile[] {
  const found: DifferentFile[] = []
  if (known.tasks.has(id) && !has(files, 'json')) found.push(DIFFERENT.json)
  if (known.sideFiles.has(id) && sideKindOf(files) === undefined) found.push(DIFFERENT.claim)
  return found
}

function sideKindOf (files: Presence): FileKind | undefined {
  return has(files, 'cancel') ? 'cancel' : has(files, 'claim') ? 'claim' : undefined
}
