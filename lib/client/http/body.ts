import { ConnectionError } from '../errors.ts'

/** The server sends a ping every 15 s; without data for this long, the connection is considered dead. */
export const SILENCE_MS = 45_000

/** Options of `readBody`. */
export interface ReadBodyOptions {
  readonly signal: AbortSignal
  /** @default 45000 */
  readonly silenceMs?: number
}

/**
 * The bytes of a response as they arrive, no faster than they are consumed. Leaving the loop or aborting the signal
 * cancels the response immediately, even where the platform's reader would hang (Node.js 20, after all data has
 * arrived).
 * @throws ConnectionError
 */
export async function * readBody (response: Response, { signal, silenceMs = SILENCE_MS }: ReadBodyOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body!.getReader()
  const cancel = () => { reader.cancel().catch(() => {}) }
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      const { done, value } = await withTimeout(reader.read(), silenceMs)
      signal.throwIfAborted()
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

/** @throws ConnectionError */
export async function readAll (response: Response, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readBody(response, { signal })) chunks.push(chunk)
  const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}

async function withTimeout<T> (read: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new ConnectionError(`No data from the server for ${ms} ms.`)), ms)
  })
  try {
    return await Promise.race([read, timeout])
  } catch (error) {
    // fetch reports an incomplete response as a TypeError
    throw error instanceof TypeError ? new ConnectionError('The connection was closed before the response was complete.', { cause: error }) : error
  } finally {
    clearTimeout(timer)
  }
}
