import { readdirSync, readFileSync, realpathSync, unlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { syncDirectory } from '../../protocol/write-file.ts'
import { isTaskId } from '../../shared/task-id.ts'
import { errorCode } from '../../util/error-code.ts'
import { FileEvents } from '../../util/file-events.ts'
import { Rerunner } from '../../util/single-flight.ts'
import type { Logger } from '../logger.ts'
import { readBootId } from '../os/process-stat.ts'
import { Attempt, type AttemptFields } from './attempt.ts'
import { StateLock } from './state-lock.ts'
import { makeStateDirectory } from './state-root.ts'

/**
 * A processor's own records about one tasks directory, in a folder that no other user can write: a lock, and an attempt
 * record for each task that it runs. Files in the tasks directory prove nothing, since the web side writes there.
 */
export class StateDirectory {
  readonly path: string
  readonly #tasksDirectory: TasksDirectory
  readonly #logger: Logger
  readonly #lock: StateLock
  readonly #bootId = readBootId()
  /** The attempts whose records change, by the name of the record. */
  readonly #attempts = new Map<string, Attempt>()
  /** Finished attempts whose final status has not been fsynced yet. */
  readonly #finished: Attempt[] = []
  readonly #deleter = new Rerunner(() => this.#deleteFinished())
  readonly #events: FileEvents

  private constructor (path: string, lock: StateLock, tasksDirectory: TasksDirectory, logger: Logger) {
    this.path = path
    this.#lock = lock
    this.#tasksDirectory = tasksDirectory
    this.#logger = logger
    this.#events = new FileEvents((name) => this.#attempts.get(name ?? '')?.refresh(), (code) => {
      logger.warn(`Cannot watch the state directory (${code}); falling back to polling for exited commands`)
    })
    this.#events.attach(path)
  }

  /**
   * Opens the state directory of a tasks directory, below `root`, and acquires its lock.
   * @throws ProcessorStartError if other users can write to it, or another processor holds the lock
   */
  static async open (root: string, tasksDirectory: TasksDirectory, logger: Logger): Promise<StateDirectory> {
    const path = await makeStateDirectory(resolve(root), realpathSync(tasksDirectory.path))
    return new StateDirectory(path, await StateLock.acquire(path), tasksDirectory, logger)
  }

  /** The lock that the previous processor with this state directory, which has exited, wrote to the tasks directory. */
  readLastLock (): string {
    return this.#lock.readPrevious()
  }

  /** Call it before this processor's lock is written to the tasks directory. */
  rememberLock (text: string): void {
    this.#lock.remember(text)
  }

  /** @param cgroup folder of the cgroup below which the command gets its own; undefined: none */
  createAttempt (fields: Omit<AttemptFields, 'bootId'>, cgroup: string | undefined): Attempt {
    return this.#add(Attempt.create(this.path, { bootId: this.#bootId, ...fields }, cgroup))
  }

  /** The attempts of earlier processors. Records that a crash of the machine truncated to nothing are deleted. */
  readAttempts (): Attempt[] {
    const attempts: Attempt[] = []
    for (const entry of readdirSync(this.path, { withFileTypes: true })) {
      const { name } = entry
      if (!isTaskId(name.split('.')[0])) continue
      if (!entry.isFile()) {
        this.#logger.warn(`${join(this.path, name)} is not a regular file and so not a record; ignoring it`)
        continue
      }
      const attempt = Attempt.read(this.path, name, this.#bootId)
      if (attempt?.name === name) attempts.push(this.#add(attempt))
      // truncated by a system crash, before anything was started
      else if (!readFileSync(join(this.path, name), 'latin1').includes('\n')) unlinkSync(join(this.path, name))
      else this.#logger.warn(`${join(this.path, name)} is not a record known to this version; ignoring it`)
    }
    return attempts
  }

  /** Deletes an attempt whose task has its final status on the disk, or whose command never started. */
  forget (attempt: Attempt): void {
    this.#attempts.delete(attempt.name)
    attempt.delete()
  }

  /** Deletes an attempt as soon as the final status of its task survives a crash of the machine. */
  forgetFinished (attempt: Attempt): void {
    this.#attempts.delete(attempt.name)
    attempt.noteFinished()
    this.#finished.push(attempt)
    this.#deleter.request()
  }

  /** Resolves when no deletion is in progress. */
  async idle (): Promise<void> {
    await this.#deleter.idle()
  }

  /** Attempts that finish during an fsync share the next one. If it fails, they wait for a later one, or for the next processor. */
  async #deleteFinished (): Promise<void> {
    const finished = this.#finished.splice(0)
    try {
      await syncDirectory(this.#tasksDirectory)
      for (const attempt of finished) attempt.delete()
    } catch (error) {
      this.#logger.warn(`Keeping the attempt records of ${finished.length} finished tasks for now (${errorCode(error)})`)
      this.#finished.push(...finished)
    }
  }

  /** Releases the lock. The next processor takes over the attempts that are left. */
  close (): void {
    this.#events.close()
    this.#lock.release()
  }

  #add (attempt: Attempt): Attempt {
    this.#attempts.set(attempt.name, attempt)
    return attempt
  }
}
