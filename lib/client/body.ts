import { ConnectionError } from './errors.ts'

/** The server sends a ping every 15 s: after a longer silence the connection is dead, whatever the system says. */
export const SILENCE_MS = 45_000

/**
 * The bytes of an answer as they come, as fast as they are taken and no faster. Leaving the loop or aborting the signal
 * cancels the response immediately, even where the platform's reader would hang (Node.js 20, after all data has
 * arrived).
 * @throws ConnectionError
 */
export async function * readBody (response: Response, { signal, silenceMs = SILENCE_MS }: { signal: AbortSignal, silenceMs?: number }): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body!.getReader()
  const leave = () => { reader.cancel().catch(() => {}) }
  signal.addEventListener('abort', leave, { once: true })
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs)
      signal.throwIfAborted()
      if (done) return
      yield value!
    }
  } finally {
    signal.removeEventListener('abort', leave)
    leave()
  }
}

/** @throws ConnectionError */
export async function readAll (response: Response, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const bytes of readBody(response, { signal })) parts.push(bytes)
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

async function withinSilence<T> (read: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new ConnectionError(`No data from the server for ${ms} ms.`)), ms)
  })
  try {
    return await Promise.race([read, silence])
  } catch (error) {
    // what the platform says of an answer that breaks off
    throw error instanceof TypeError ? new ConnectionError('The connection was closed before the response was complete.', { cause: error }) : error
  } finally {
    clearTimeout(timer)
  }
}
