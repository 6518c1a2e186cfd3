import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pipeline, Readable, Transform } from 'node:stream'
import { ifExists, openSingleLink, UnreadableFile } from '../../protocol/regular-file.ts'
import { threadPoolFileSystem } from '../../protocol/thread-pool-file-system.ts'
import type { LogContent } from '../../store.ts'

/**
 * Opens the bytes from `start` to `end` (exclusive; default: the size) of a log file.
 * @returns undefined if there is no regular file at this path, or if it has another name
 */
export async function openLogContent (path: string, { start, end }: { start: number, end?: number }): Promise<LogContent | undefined> {
  const file = await openLog(path)
  if (file === undefined) return undefined
  const size = Number(file.stats.size)
  const last = Math.min(end ?? size, size)
  const content = { size, etag: entityTag(file.stats) }
  if (start >= last) {
    await file.handle.close()
    return { ...content, body: Readable.from([]) }
  }
  const body = exactly(last - start)
  // errors are passed on to the body
  pipeline(file.handle.createReadStream({ start, end: last - 1 }), body, () => {})
  return { ...content, body }
}

async function openLog (path: string): Promise<{ handle: FileHandle, stats: BigIntStats } | undefined> {
  try {
    return await ifExists(openSingleLink(threadPoolFileSystem, path))
  } catch (error) {
    if (error instanceof UnreadableFile) return undefined
    throw error
  }
}

function entityTag ({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `"${[dev, ino, size, mtimeNs].map((value) => value.toString(36)).join('-')}"`
}

/**
 * Errors if fewer bytes arrive than announced (the log was truncated while being read); otherwise the client would wait
 * for the rest.
 */
function exactly (bytes: number): Transform {
  let missing = bytes
  return new Transform({
    transform (chunk: Buffer, _encoding, done) {
      missing -= chunk.length
      done(null, chunk)
    },
    flush (done) {
      done(missing === 0 ? null : new Error(`The log was truncated while it was read: ${missing} bytes are missing. Read it again.`))
    }
  })
}
