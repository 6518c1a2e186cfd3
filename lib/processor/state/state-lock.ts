import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../util/error-code.ts'
import { alreadyRunning, ProcessorStartError } from '../start-error.ts'

/**
 * The lock of a state directory. It uses flock(2): the kernel releases it when this process exits, so it can never be
 * stale. The file's first line is the holder's pid; the rest is a copy of the holder's lock in the tasks directory.
 */
export class StateLock {
  readonly #path: string
  /** Undefined after `release`. */
  #fd: number | undefined

  private constructor (path: string, fd: number) {
    this.#path = path
    this.#fd = fd
  }

  /** @throws ProcessorStartError if another processor holds it */
  static async acquire (stateDir: string): Promise<StateLock> {
    const path = join(stateDir, 'lock')
    const lock = new StateLock(path, openLock(path))
    try {
      await lock.#flock()
    } catch (error) {
      lock.release()
      throw error
    }
    return lock
  }

  /** The lock that the previous holder, which has exited, wrote to the tasks directory. */
  readPrevious (): string {
    return readFileSync(this.#path, 'utf8').split('\n').slice(1).join('\n')
  }

  /** Records this processor's lock in the tasks directory. Call it before that lock is written. */
  remember (lockText: string): void {
    if (this.#fd === undefined) throw new Error('The lock of the state directory is released.')
    ftruncateSync(this.#fd)
    writeSync(this.#fd, `${process.pid}\n${lockText}`, 0)
  }

  release (): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** The lock belongs to the shared open file description and so outlives the `flock` process. */
  async #flock (): Promise<void> {
    const flock = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', this.#fd] })
    const [code] = await once(flock, 'exit').catch((error: Error) => {
      throw new ProcessorStartError(errorCode(error) === 'ENOENT'
        ? 'The program `flock` is missing; install util-linux or BusyBox.'
        : `The program \`flock\` cannot be run: ${error.message}`)
    })
    if (code !== 0) throw alreadyRunning(readFileSync(this.#path, 'utf8'))
  }
}

/** @throws ProcessorStartError */
function openLock (path: string): number {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    if (!fstatSync(fd).isFile()) throw new Error('it is not a regular file')
    return fd
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    throw new ProcessorStartError(`${path} cannot be used as a lock: ${(error as Error).message}`)
  }
}
