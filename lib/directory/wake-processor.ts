import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { FIFO_NAME } from '../protocol/file-names.ts'
import { errorCode } from '../util/error-code.ts'

/** Who reads the FIFO now; `refused` where something else stands in its place. */
export type FifoState = 'read' | 'missing' | 'no-reader' | 'refused'

/**
 * Writes an id to the FIFO, or only probes for a reader. Best effort: the processor also polls, so failures are
 * ignored.
 */
export async function wakeProcessor (dir: string, id?: string): Promise<FifoState> {
  try {
    // non-blocking: without a reader the open fails at once
    const handle = await open(join(dir, FIFO_NAME), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    try {
      if (!(await handle.stat()).isFIFO()) return 'refused'
      if (id !== undefined) await handle.write(`${id}\n`)
      return 'read'
    } finally {
      await handle.close()
    }
  } catch (error) {
    const code = errorCode(error)
    return code === 'ENOENT' ? 'missing' : code === 'ENXIO' ? 'no-reader' : code === 'EAGAIN' ? 'read' : 'refused'
  }
}
