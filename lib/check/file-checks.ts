import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { isTerminal } from '../shared/task.ts'
import { checkBeside, checkClaim, checkInfo, checkLock, checkTask, error, isStaleLock, warning, type Fault } from './rules.ts'
import { readCancelMarker } from '../protocol/cancel-marker.ts'
import { FIFO_NAME, fileName, MAX_SIDE_BYTES, type FileKind } from '../protocol/file-names.ts'
import { LOCK_NAME, MAX_LOCK_BYTES } from '../protocol/lock-file.ts'
import { MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from '../protocol/processor-info.ts'
import { ifExists, openRegular, readText, UnreadableFile } from '../protocol/regular-file.ts'
import { readTaskFile } from '../protocol/task-file.ts'
import { errorCode } from '../util/error-code.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'

/** A fault of one file of a directory. */
export interface Finding extends Fault {
  readonly name: string
}

const TEMPORARY_OLD_MS = 3_600_000

/** Checks single files in their present state. A file that is not there has no faults. */
export class FileChecks {
  readonly #directory: TasksDirectory
  readonly #stats: BigIntStats

  /** @param stats the stats of the directory itself */
  constructor (dir: string, stats: BigIntStats) {
    this.#directory = tasksDirectory(dir)
    this.#stats = stats
  }

  /** @param kinds the files that the task has; whether it has a task file is seen anew */
  async task (id: string, kinds: readonly FileKind[]): Promise<Finding[]> {
    const found: Finding[] = []
    const name = fileName(id, 'json')
    const file = await this.#read(name, found, readTaskFile(this.#directory, id))
    if (typeof file === 'object') {
      const { task, status } = file.task
      add(found, name, checkTask(task, status !== 'running' || await this.#processorLives()))
      if (file.stats.nlink > 1n) add(found, name, [warning(HARD_LINKED)])
    }
    const status = file === 'absent' ? undefined : file === 'unusable' ? 'unknown' : String(file.task.status)
    if (kinds.includes('log')) await this.#log(id, status, found)
    if (kinds.includes('claim')) await this.#claim(id, status, found)
    if (kinds.includes('cancel')) await this.#marker(id, status, found)
    return found
  }

  async lock (): Promise<Finding[]> {
    const found: Finding[] = []
    const file = await this.#read(LOCK_NAME, found, readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES))
    if (typeof file !== 'object') return found
    add(found, LOCK_NAME, checkLock(file.text))
    if (isStaleLock(file.text, ageOf(file.stats))) add(found, LOCK_NAME, [warning('its heartbeat has stopped: the processor was killed or is hanging')])
    return found
  }

  /** What the processor publishes. */
  async info (): Promise<Finding[]> {
    const found: Finding[] = []
    const file = await this.#read(PROCESSOR_INFO_NAME, found, readText(this.#directory, PROCESSOR_INFO_NAME, MAX_INFO_BYTES))
    if (typeof file === 'object') add(found, PROCESSOR_INFO_NAME, checkInfo(file.text))
    return found
  }

  async fifo (): Promise<Finding[]> {
    const stats = await ifExists(lstat(join(this.#directory.path, FIFO_NAME)))
    return stats === undefined || stats.isFIFO() ? [] : [{ name: FIFO_NAME, ...error('it is not a FIFO') }]
  }

  async temporary (name: string): Promise<Finding[]> {
    const stats = await ifExists(lstat(join(this.#directory.path, name), { bigint: true }))
    const isOld = stats !== undefined && ageOf(stats) > TEMPORARY_OLD_MS
    return isOld ? [{ name, ...warning('it is a temporary file that was left behind over an hour ago') }] : []
  }

  async #log (id: string, status: string | undefined, found: Finding[]): Promise<void> {
    const name = fileName(id, 'log')
    const file = await this.#read(name, found, this.#statsOf(name))
    if (typeof file !== 'object') return
    // a processor does not write to such a log; once it is complete, a backup may link it
    if (file.stats.nlink > 1n) add(found, name, [isTerminal(status) ? warning(HARD_LINKED) : error(HARD_LINKED)])
    add(found, name, checkBeside('log', status))
  }

  async #claim (id: string, status: string | undefined, found: Finding[]): Promise<void> {
    const name = fileName(id, 'claim')
    const file = await this.#read(name, found, readText(this.#directory, name, MAX_SIDE_BYTES))
    if (typeof file !== 'object') return
    add(found, name, checkClaim(file.text))
    if (file.stats.nlink > 1n) add(found, name, [warning(HARD_LINKED)])
    add(found, name, checkBeside('claim', status))
  }

  async #marker (id: string, status: string | undefined, found: Finding[]): Promise<void> {
    const name = fileName(id, 'cancel')
    const file = await this.#read(name, found, this.#statsOf(name))
    if (typeof file !== 'object') return
    if (await readCancelMarker(this.#directory, id) === 'delete') add(found, name, [warning('an unfinished deletion')])
    else add(found, name, checkBeside('cancel', status))
  }

  async #statsOf (name: string): Promise<{ stats: BigIntStats }> {
    const { handle, stats } = await openRegular(this.#directory.fs, join(this.#directory.path, name))
    await handle.close()
    return { stats }
  }

  /** Waits for a file; where it can't be used, that is a finding. */
  async #read<T extends { stats: BigIntStats }> (name: string, found: Finding[], reading: Promise<T>): Promise<T | 'absent' | 'unusable'> {
    try {
      const file = await reading
      if (!this.#groupCanRead(file.stats)) add(found, name, [warning('the directory\'s group can\'t read it')])
      return file
    } catch (reason) {
      if (errorCode(reason) === 'ENOENT') return 'absent'
      add(found, name, [error(reason instanceof UnreadableFile ? reason.message : `it can't be read (${errorCode(reason)})`)])
      return 'unusable'
    }
  }

  /** True where the group has no business in the directory itself. */
  #groupCanRead ({ gid, mode }: BigIntStats): boolean {
    const { gid: group, mode: modeOfAll } = this.#stats
    if ((modeOfAll & 0o050n) !== 0o050n) return true
    return (mode & (gid === group ? 0o040n : 0o004n)) !== 0n
  }

  async #processorLives (): Promise<boolean> {
    try {
      const { text, stats } = await readText(this.#directory, LOCK_NAME, MAX_LOCK_BYTES)
      return !isStaleLock(text, ageOf(stats))
    } catch {
      return false
    }
  }
}

const HARD_LINKED = 'it has more than one hard link'

function add (found: Finding[], name: string, faults: Fault[]): void {
  found.push(...faults.map((fault) => ({ name, ...fault })))
}

/** In ms, by this machine's clock. */
function ageOf ({ mtimeNs }: BigIntStats): number {
  return Date.now() - Number(mtimeNs / 1_000_000n)
}
