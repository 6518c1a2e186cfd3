import { execFile } from 'node:child_process'
import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FIFO_NAME } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { removeFile } from '../../protocol/write-file.ts'
import { isTaskId } from '../../shared/task-id.ts'

/** A longer line holds no id. */
const MAX_LINE_LENGTH = 4096

/**
 * The FIFO to which programs that enqueue a task write its id. What it delivers is only a hint: without it, tasks are found
 * by file events and polling.
 */
export class HintFifo {
  readonly #directory: TasksDirectory
  readonly #inode: bigint
  readonly #socket: Socket

  private constructor (directory: TasksDirectory, inode: bigint, socket: Socket) {
    this.#directory = directory
    this.#inode = inode
    this.#socket = socket
  }

  /**
   * Creates the FIFO, or adopts an existing one.
   * @param onId called with each id that is written to it
   * @throws if it cannot be created, or a file of another kind has its name; that file is not changed
   */
  static async open (directory: TasksDirectory, onId: (id: string) => void): Promise<HintFifo> {
    const path = join(directory.path, FIFO_NAME)
    if (await ifExists(lstat(path)) === undefined) await promisify(execFile)('mkfifo', ['-m', '660', path])
    // not opened before this check: opening a device may have effects
    if (!(await lstat(path)).isFIFO()) throw new Error(`${FIFO_NAME} is not a FIFO`)
    // Opened read-write so that there is always a writer and reads never hit EOF; non-blocking, so it occupies no thread.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (!stats.isFIFO()) throw new Error(`${FIFO_NAME} is not a FIFO`)
      // refuse hard links: the processor would read data of another FIFO and change its group
      if (stats.nlink !== 1n) throw new Error(`${FIFO_NAME} has more than one hard link`)
      shareWithGroup(fd, directory.path)
      return new HintFifo(directory, stats.ino, readIds(fd, onId))
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Stops reading, and removes the FIFO if it is still the same one. */
  async close (): Promise<void> {
    this.#socket.destroy()
    const stats = await ifExists(lstat(join(this.#directory.path, FIFO_NAME), { bigint: true }))
    if (stats?.isFIFO() && stats.ino === this.#inode) await removeFile(this.#directory, FIFO_NAME)
  }
}

/** Users that can write to the directory by its group can write to the FIFO. */
function shareWithGroup (fd: number, dir: string): void {
  try {
    fchownSync(fd, -1, statSync(dir).gid)
  } catch {
    // fails unless this user is in that group; the FIFO then keeps its own group
  }
}

function readIds (fd: number, onId: (id: string) => void): Socket {
  const socket = new Socket({ fd, readable: true, writable: false })
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!.slice(-MAX_LINE_LENGTH)
    for (const line of lines) if (isTaskId(line)) onId(line)
  })
  // ignored: polling finds the tasks
  socket.on('error', () => {})
  return socket
}
