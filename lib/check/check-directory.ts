import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileChecks, type Finding } from './file-checks.ts'
import { checkName, type Severity } from './rules.ts'
import { isTemporaryName, parseFileName, type FileKind } from '../protocol/file-names.ts'
import { UnreadableFile } from '../protocol/regular-file.ts'
import { DirectoryIdentity } from '../protocol/directory-identity.ts'

export interface CheckReport {
  /** How many task files there are, usable or not. */
  readonly tasks: number
  /** Errors first, then warnings, then notes; each by name. */
  readonly findings: readonly Finding[]
}

export interface CheckOptions {
  /** After how many ms what looks wrong is looked at again: it may be a change in progress. Default: 1000. */
  recheckAfterMs?: number
}

const READ_AT_ONCE = 16
const ORDER: readonly Severity[] = ['error', 'warning', 'note']

type Look = () => Promise<Finding[]>

interface Odd {
  readonly look: Look
  readonly findings: Finding[]
}

/**
 * Reads a tasks directory and says what in it breaks the contract. It changes nothing.
 * @throws the system's error where the directory itself can't be read
 * @throws UnreadableFile where another directory took its place meanwhile
 */
export async function checkDirectory (dir: string, { recheckAfterMs = 1_000 }: CheckOptions = {}): Promise<CheckReport> {
  // the trailing slash makes a regular file fail with ENOTDIR
  await access(`${dir}/`, constants.R_OK | constants.X_OK)
  const guard = new DirectoryIdentity(dir)
  await guard.remember()
  const names = await readdir(dir)
  const kinds = kindsOf(names)
  const files = new FileChecks(dir, await stat(dir, { bigint: true }))
  const odd = await lookAtAll([
    () => files.lock(),
    () => files.fifo(),
    () => files.info(),
    ...names.filter(isTemporaryName).map((name) => () => files.temporary(name)),
    ...[...kinds].map(([id, present]) => () => files.task(id, present))
  ])
  if (odd.length > 0) await sleep(recheckAfterMs)
  const findings = await confirm(odd)
  // if the directory vanished, every file looks absent and the report would be clean
  if (!await guard.isIntact()) throw new UnreadableFile('it was removed or replaced meanwhile')
  for (const name of names) for (const fault of checkName(name)) findings.push({ name, ...fault })
  findings.sort(bySeverity)
  return { tasks: [...kinds.values()].filter((present) => present.includes('json')).length, findings }
}

function kindsOf (names: string[]): Map<string, FileKind[]> {
  const kinds = new Map<string, FileKind[]>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file === undefined) continue
    const present = kinds.get(file.id)
    if (present === undefined) kinds.set(file.id, [file.kind])
    else present.push(file.kind)
  }
  return kinds
}

/** @returns those that found something */
async function lookAtAll (looks: Look[]): Promise<Odd[]> {
  const odd: Odd[] = []
  const lookNext = async (): Promise<void> => {
    for (let look = looks.pop(); look !== undefined; look = looks.pop()) {
      const findings = await look()
      if (findings.length > 0) odd.push({ look, findings })
    }
  }
  await Promise.all(Array.from({ length: READ_AT_ONCE }, lookNext))
  return odd
}

/** Checks again and keeps only findings that occur both times. */
async function confirm (odd: Odd[]): Promise<Finding[]> {
  const before = new Set(odd.flatMap(({ findings }) => findings).map(keyOf))
  const again = await lookAtAll(odd.map(({ look }) => look))
  return again.flatMap(({ findings }) => findings).filter((finding) => before.has(keyOf(finding)))
}

function keyOf ({ name, message }: Finding): string {
  return `${name}: ${message}`
}

function bySeverity (a: Finding, b: Finding): number {
  return ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}
