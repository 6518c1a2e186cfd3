import type { LogPieces } from '../../log/follower.ts'
import { SharedPiece } from '../../log/shared-output.ts'
import { completeLength, textChunk, type TextChunk } from '../../log/text.ts'
import { messageFrame } from '../../sse/frame.ts'

/** The client must discard what it has of the log. */
export const TRUNCATION = logFrame({ offset: 0, end: 0, chunk: '', truncated: true })

/**
 * The frames of a log. The text of each is cut at character boundaries: an incomplete last character waits for its remaining
 * bytes, or for the end of the task.
 */
export async function * logFrames (pieces: LogPieces): AsyncGenerator<Buffer, void, undefined> {
  let rest = Buffer.alloc(0)
  let position = 0
  try {
    let next = await pieces.next()
    for (; next.done !== true; next = await pieces.next()) {
      const { offset, bytes, truncated } = next.value
      if (truncated === true) {
        yield TRUNCATION
        rest = Buffer.alloc(0)
        continue
      }
      const shared = next.value instanceof SharedPiece && rest.length === 0 ? next.value.encoded(logFrame) : undefined
      if (shared !== undefined) {
        yield shared
        continue
      }
      position = offset - rest.length
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      const text = all.subarray(0, completeLength(all))
      rest = Buffer.from(all.subarray(text.length))
      if (text.length > 0) yield logFrame(textChunk(position, text))
      position += text.length
    }
    if (next.value === undefined) return
    if (rest.length > 0) yield logFrame(textChunk(position, rest))
    yield endFrame(next.value.size, next.value.status ?? null)
  } finally {
    await pieces.return(undefined)
  }
}

/** The id is the byte offset after the text, so that an EventSource resumes exactly there. */
function logFrame (text: TextChunk & { readonly truncated?: true }): Buffer {
  return messageFrame({ id: String(text.end), data: JSON.stringify(text) })
}

/** @param status final status of the task; null if it was deleted, or has an unknown status */
function endFrame (size: number, status: string | null): Buffer {
  return messageFrame({ id: `${size}-end`, event: 'end', data: JSON.stringify({ status }) })
}
