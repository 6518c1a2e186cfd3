import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryIdentity } from '../protocol/directory-identity.ts'
import { isTemporaryName, kindsById, type FileKind } from '../protocol/file-names.ts'
import { UnreadableFile } from '../protocol/regular-file.ts'
import { TEMPORARY_AFTER_MS } from '../protocol/stale-rules.ts'
import { forEachConcurrently } from '../util/for-each-concurrently.ts'
import { checkFifo, checkInfoFile, checkLockFile } from './check-processor-files.ts'
import { checkTaskFiles } from './check-task-files.ts'
import { ageOf, FileReader } from './file-reader.ts'
import { bySeverity, warning, type FileFinding } from './finding.ts'
import { checkName } from './name-rules.ts'

export interface CheckReport {
  /** The number of task files, usable or not. */
  readonly tasks: number
  /** Errors first, then warnings, then notes; each by name. */
  readonly findings: readonly FileFinding[]
}

export interface CheckOptions {
  /** When to check again what has findings, in ms: it may be a change in progress. Default: 1000. */
  recheckAfterMs?: number
}

/** Checks one file, or the files of one task. */
type FileCheck = (reader: FileReader) => Promise<void>

interface CheckResult {
  readonly check: FileCheck
  readonly findings: readonly FileFinding[]
}

const MAX_CONCURRENT_CHECKS = 16

/**
 * Checks a tasks directory against the file contract. It changes nothing.
 * @param dir a path
 * @throws the system error if the directory itself cannot be read
 * @throws UnreadableFile if the directory is removed or replaced during the check
 */
export async function checkDirectory (dir: string, { recheckAfterMs = 1_000 }: CheckOptions = {}): Promise<CheckReport> {
  // the trailing slash makes a regular file fail with ENOTDIR
  await access(`${dir}/`, constants.R_OK | constants.X_OK)
  const identity = new DirectoryIdentity(dir)
  await identity.remember()
  const names = await readdir(dir)
  const kinds = kindsById(names)
  const stats = await stat(dir, { bigint: true })
  const createReader = () => new FileReader(dir, stats)
  const results = await runChecks(checksOf(names, kinds), createReader)
  if (results.length > 0) await sleep(recheckAfterMs)
  const findings = await recheck(results, createReader)
  // if the directory vanished, every file looks absent and the report would be clean
  if (!await identity.isIntact()) throw new UnreadableFile('it was removed or replaced meanwhile')
  for (const name of names) for (const finding of checkName(name)) findings.push({ name, ...finding })
  return { tasks: [...kinds.values()].filter((present) => present.has('json')).length, findings: findings.sort(bySeverity) }
}

function checksOf (names: readonly string[], kinds: ReadonlyMap<string, ReadonlySet<FileKind>>): FileCheck[] {
  return [
    checkLockFile,
    checkFifo,
    checkInfoFile,
    ...names.filter(isTemporaryName).map((name) => (reader: FileReader) => checkTemporaryFile(reader, name)),
    ...[...kinds].map(([id, present]) => (reader: FileReader) => checkTaskFiles(reader, id, present))
  ]
}

async function checkTemporaryFile (reader: FileReader, name: string): Promise<void> {
  const stats = await reader.lstat(name)
  if (stats !== undefined && ageOf(stats) > TEMPORARY_AFTER_MS) reader.add(name, [warning('a temporary file that was left behind over an hour ago')])
}

/** @returns the checks that have findings */
async function runChecks (checks: readonly FileCheck[], createReader: () => FileReader): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  await forEachConcurrently(checks, MAX_CONCURRENT_CHECKS, async (check) => {
    const reader = createReader()
    await check(reader)
    if (reader.findings.length > 0) results.push({ check, findings: reader.findings })
  })
  return results
}

/** Checks again and keeps only findings that occur both times. */
async function recheck (results: readonly CheckResult[], createReader: () => FileReader): Promise<FileFinding[]> {
  const before = new Set(results.flatMap(({ findings }) => findings).map(keyOf))
  const after = await runChecks(results.map(({ check }) => check), createReader)
  return after.flatMap(({ findings }) => findings).filter((finding) => before.has(keyOf(finding)))
}

function keyOf ({ name, message }: FileFinding): string {
  return `${name}: ${message}`
}
