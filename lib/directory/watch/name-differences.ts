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
  readonly files: ReadonlyArray<{
    readonly kind: FileKind
    /** What to refresh. */
    readonly target: RefreshTarget
  }>
}

/** Compares the names in a tasks directory with the known files, in time slices: there may be hundreds of thousands. */
export async function nameDifferences (names: readonly string[], known: KnownFiles): Promise<NameDifference[]> {
  const present = new Map<string, Presence>()
  await inTimeSlices(names, (name) => {
    const file = parseFileName(name)
    if (file !== undefined) present.set(file.id, { ...present.get(file.id) ?? ABSENT, [file.kind]: true })
  })
  const differences: NameDifference[] = []
  const add = (id: string, files: NameDifference['files']) => { if (files.length > 0) differences.push({ id, files }) }
  await inTimeSlices(present, ([id, files]) => add(id, appeared(id, files, known)))
  await inTimeSlices(known.tasks.keys(), (id) => add(id, disappeared(id, present.get(id) ?? ABSENT, known)))
  await inTimeSlices(known.sideFiles, (id) => { if (!known.tasks.has(id)) add(id, disappeared(id, present.get(id) ?? ABSENT, known)) })
  return differences
}

/** Which files of a task exist. */
type Presence = Readonly<Record<FileKind, boolean>>

const ABSENT: Presence = { json: false, log: false, claim: false, cancel: false }

function appeared (id: string, files: Presence, known: KnownFiles): NameDifference['files'] {
  const sideKind = sideKindOf(files)
  return [
    ...files.json && !known.tasks.has(id) && !known.isDeleted(id) ? [{ kind: 'json', target: 'task-file' } as const] : [],
    ...files.log && known.isLogMissing(id) ? [{ kind: 'log', target: 'log' } as const] : [],
    ...sideKind !== undefined && !known.sideFiles.has(id) ? [{ kind: sideKind, target: 'side-files' } as const] : []
  ]
}

function disappeared (id: string, files: Presence, known: KnownFiles): NameDifference['files'] {
  return [
    ...known.tasks.has(id) && !files.json ? [{ kind: 'json', target: 'task-file' } as const] : [],
    ...known.sideFiles.has(id) && sideKindOf(files) === undefined ? [{ kind: 'claim', target: 'side-files' } as const] : []
  ]
}

function sideKindOf ({ claim, cancel }: Presence): FileKind | undefined {
  return cancel ? 'cancel' : claim ? 'claim' : undefined
}
