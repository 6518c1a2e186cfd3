import type { FollowOptions } from '../shared/follow-options.ts'
import { isActive, type TaskStatus } from '../shared/task-status.ts'
import type { LogStore } from '../store.ts'
import { abortable } from '../util/abortable-generator.ts'
import { LogChanges } from './log-changes.ts'
import { LogReader, type LogPiece } from './log-reader.ts'
import { shareLog } from './shared-log.ts'
import type { SharedOutput } from './shared-output.ts'

export type { LogPiece } from './log-reader.ts'

/** The result of following a log to its end. */
export interface LogEnd {
  readonly size: number
  /** Undefined if the task was deleted, or has a status that this package does not know. */
  readonly status: TaskStatus | undefined
}

/** The result is undefined if the iteration was aborted. */
export type LogPieces = AsyncGenerator<LogPiece, LogEnd | undefined, undefined>

/**
 * Follows one log for one client: reads it to its end, then waits for more until its task has finished or was deleted. New
 * output comes from the events of the store, which has read it once for all clients; a client that is behind reads the log
 * itself. A log that does not exist yet is waited for. If the log is truncated, it is read again from its beginning.
 * Leaving the iteration (`break`, `return`) ends it immediately.
 */
export function followLog (store: LogStore, taskId: string, { position = 0, signal }: FollowOptions): LogPieces {
  return abortable((ended) => follow(store, taskId, position, ended), signal)
}

/** Like `followLog`, but without offsets: after a truncation the bytes come again from the beginning. */
export function followLogBytes (store: LogStore, taskId: string, { position = 0, signal }: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  return abortable((ended) => bytesOf(follow(store, taskId, position, ended)), signal)
}

async function * bytesOf (pieces: LogPieces): AsyncGenerator<Buffer, void, undefined> {
  for await (const { bytes } of pieces) if (bytes.length > 0) yield bytes
}

async function * follow (store: LogStore, taskId: string, position: number, signal: AbortSignal): LogPieces {
  const reader = new LogReader(store, taskId, position)
  const changes = new LogChanges(() => reader.reportTruncation())
  const leave = shareLog(store, taskId, changes)
  const onAbort = () => changes.notify()
  signal.addEventListener('abort', onAbort, { once: true })
  let status: TaskStatus | undefined
  try {
    while (!signal.aborted) {
      const { isTaskChanged, output, end } = changes.take()
      // the status before the log: output that precedes the end of the task is then in the log
      if (isTaskChanged) status = (await store.get(taskId))?.status
      const isFinished = !isActive(status)
      const missingEnd = isFinished ? Infinity : end ?? (yield * takeOutput(reader, output))
      if (missingEnd !== undefined) {
        const result = yield * reader.read(signal, missingEnd)
        if (result === 'interrupted') changes.readAgain()
        else if (isFinished) return { size: reader.position, status }
      }
      await changes.wait()
    }
    return undefined
  } finally {
    leave()
    signal.removeEventListener('abort', onAbort)
  }
}

/** @returns byte offset up to which the log must be read instead; undefined if the pieces contain all output */
async function * takeOutput (reader: LogReader, output: readonly SharedOutput[]): AsyncGenerator<LogPiece, number | undefined, undefined> {
  for (const each of output) {
    const piece = await each.piece()
    if (piece === undefined || !reader.isAt(piece.offset)) return output.at(-1)!.end
    reader.advance(piece.bytes)
    yield piece
  }
  return undefined
}
