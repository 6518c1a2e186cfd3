import { execFile } from 'node:child_process'
import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FIFO_NAME } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import { removeFile } from '../../protocol/write-file.ts'
import { isTaskId } from '../../shared/task-id.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** A longer piece without a line break holds no id. */
const LONGEST_LINE = 4096

/** The FIFO into which whoever enqueues a task writes its id. Only a hint: without it, tasks are found by looking. */
export class WakeUpFifo {
  readonly #directory: TasksDirectory
  readonly #inode: bigint
  readonly #socket: Socket

  private constructor (directory: TasksDirectory, inode: bigint, socket: Socket) {
    this.#directory = directory
    this.#inode = inode
    this.#socket = socket
  }

  /**
   * Makes the FIFO, or takes over the one that is there.
   * @param onId called with each id that is written to it
   * @throws where it can't be made, or another kind of file has its name; that file is left alone
   */
  static async open (directory: TasksDirectory, onId: (id: string) => void): Promise<WakeUpFifo> {
    const path = join(directory.path, FIFO_NAME)
    if (await ifExists(lstat(path)) === undefined) await promisify(execFile)('mkfifo', ['-m', '660', path])
    if (!(await lstat(path)).isFIFO()) throw new Error(`${FIFO_NAME} is not a FIFO`)
    // Opened read-write so that there is always a writer and reads never hit EOF; non-blocking, so it occupies no
    // thread.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    try {
      const stats = fstatSync(fd, { bigint: true })
      if (!stats.isFIFO()) throw new Error(`${FIFO_NAME} is not a FIFO`)
      // refuse hard links: we would steal data from another FIFO and change its group
      if (stats.nlink !== 1n) throw new Error(`${FIFO_NAME} has other names (hard links)`)
      shareWithGroup(fd, directory.path)
      return new WakeUpFifo(directory, stats.ino, listen(fd, onId))
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Stops listening, and removes the FIFO if it is still the same one. */
  async close (): Promise<void> {
    this.#socket.destroy()
    const stats = await ifExists(lstat(join(this.#directory.path, FIFO_NAME), { bigint: true }))
    if (stats?.isFIFO() && stats.ino === this.#inode) await removeFile(this.#directory, FIFO_NAME)
  }
}

/** Whoever may write to the directory by its group may wake. */
function shareWithGroup (fd: number, dir: string): void {
  try {
    fchownSync(fd, -1, statSync(dir).gid)
  } catch {
    // refused to who is not in that group: the FIFO keeps its own
  }
}

function listen (fd: number, onId: (id: string) => void): Socket {
  const socket = new Socket({ fd, readable: true, writable: false })
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!.slice(-LONGEST_LINE)
    for (const line of lines) if (isTaskId(line)) onId(line)
  })
  // nothing depends on it: the directory is looked at anyway
  socket.on('error', () => {})
  return socket
}
