import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs'
import { MAX_TASK_BYTES } from './file-names.ts'

/** One byte more than the longest file: a read that fills it is too long. */
const buffer = Buffer.allocUnsafeSlow(MAX_TASK_BYTES + 1)

/**
 * Reads a file of at most 1 MiB by blocking calls, which take a sixth of the time of the thread pool. Only for a local file
 * system, in short slices of work.
 * @returns the content, in a buffer that the next call overwrites
 * @throws the system error; also Error if it is not a regular file, too large, or changes while it is read
 */
export function readNow (path: string): { bytes: Buffer, stats: BigIntStats } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(fd, { bigint: true })
    const size = Number(stats.size)
    if (!stats.isFile() || size > MAX_TASK_BYTES) throw new Error('not a small regular file')
    if (readSync(fd, buffer, 0, size + 1, 0) !== size) throw new Error('it changes')
    return { bytes: buffer.subarray(0, size), stats }
  } finally {
    closeSync(fd)
  }
}
