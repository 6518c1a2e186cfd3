import type { TaskStore } from '../store.ts'

/** Logs are read backwards in pieces of this many bytes. */
const PIECE_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** A part of a log, as it is now; undefined where there is no log. */
export async function readPart (store: TaskStore, taskId: string, start: number, end: number): Promise<Buffer | undefined> {
  const log = await store.readLog(taskId, { start, end })
  // returns fewer bytes if the log is truncated meanwhile
  return log && Buffer.concat(await log.body.toArray().catch(() => []) as Buffer[])
}

/**
 * Byte offset at which the last `lines` lines before `end` begin. An incomplete last line counts as one.
 * @param signal gives up, with any offset
 */
export async function startOfLastLines (store: TaskStore, taskId: string, { lines, end, signal }: { lines: number, end: number, signal: AbortSignal }): Promise<number> {
  if (lines === 0) return end
  // the newline that ends the last line begins no other
  let missing = lines
  for (let start = end, until = end - 1; until > 0 && !signal.aborted; until = start) {
    start = Math.max(0, until - PIECE_BYTES)
    const bytes = await readPart(store, taskId, start, until)
    if (bytes === undefined || bytes.length < until - start) return start
    for (let at = bytes.lastIndexOf(NEWLINE); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)) {
      if (--missing === 0) return start + at + 1
    }
  }
  return 0
}
