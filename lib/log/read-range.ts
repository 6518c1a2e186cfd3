import type { LogStore } from '../store.ts'

/**
 * The bytes of a log from `start` to `end` (exclusive): fewer if the log is shorter or is truncated during the read.
 * @returns undefined if there is no log
 */
export async function readRange (store: LogStore, taskId: string, start: number, end: number): Promise<Buffer | undefined> {
  const log = await store.readLog(taskId, { start, end })
  if (log === undefined) return undefined
  try {
    const chunks: Buffer[] = await log.body.toArray()
    return Buffer.concat(chunks)
  } catch {
    return Buffer.alloc(0)
  }
}
