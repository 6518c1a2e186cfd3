import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { FIFO_NAME } from '../protocol/file-names.ts'
import { errorCode } from '../util/error-code.ts'

/** Whether a process reads the FIFO now; `unusable` if it is another kind of file or cannot be opened. */
export type FifoState = 'has-reader' | 'no-reader' | 'missing' | 'unusable'

/**
 * Writes a task id to the FIFO, or only probes for a reader. Best effort: the processor also polls, so failures are
 * ignored.
 */
export async function wakeProcessor (dir: string, id?: string): Promise<FifoState> {
  try {
    // non-blocking: without a reader the open fails immediately
    const handle = await open(join(dir, FIFO_NAME), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    try {
      if (!(await handle.stat()).isFIFO()) return 'unusable'
      if (id !== undefined) await handle.write(`${id}\n`)
      return 'has-reader'
    } finally {
      await handle.close()
    }
  } catch (error) {
    return stateOf(errorCode(error))
  }
}

function stateOf (code: string): FifoState {
  if (code === 'ENOENT') return 'missing'
  if (code === 'ENXIO') return 'no-reader'
  // the FIFO is full
  return code === 'EAGAIN' ? 'has-reader' : 'unusable'
}
