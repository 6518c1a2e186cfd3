import { summarize } from '../shared/complete-task.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import type { TaskList } from '../store.ts'
import { inTimeSlices } from '../util/time-slices.ts'

/** Smaller texts are joined to pieces of this many bytes; a larger one is a piece of its own, which is not copied. */
const PIECE_BYTES = 256 * 1024
/** Bodies that are kept for other clients. */
const MAX_BODIES = 4
/** How long a body is kept, in ms. */
const KEEP_MS = 5000

/** A response, in pieces that many clients can be sent. */
export interface ListBody {
  readonly pieces: readonly Uint8Array[]
  /** Bytes of all pieces. */
  readonly length: number
}

/** The bodies of lists of tasks. Each is made once for all clients that send the same query before the next change. */
export class ListBodies {
  readonly #bodies = new Map<string, { readonly version: string, readonly body: Promise<ListBody> }>()

  /**
   * @param query identifies the query, with `isSummary`
   * @param options.isSummary the tasks are sent as summaries
   */
  get (query: string, { tasks, version }: TaskList, { isSummary }: { readonly isSummary: boolean }): Promise<ListBody> {
    const known = this.#bodies.get(query)
    if (known?.version === version) return known.body
    const kept = { version, body: encodeList(tasks, isSummary ? summarize : ({ json }) => json) }
    this.#keep(query, kept)
    setTimeout(() => { if (this.#bodies.get(query) === kept) this.#bodies.delete(query) }, KEEP_MS).unref()
    return kept.body
  }

  #keep (query: string, kept: { readonly version: string, readonly body: Promise<ListBody> }): void {
    this.#bodies.delete(query)
    this.#bodies.set(query, kept)
    const [oldest] = this.#bodies.keys()
    if (this.#bodies.size > MAX_BODIES) this.#bodies.delete(oldest!)
  }
}

/** Encodes in time slices, so that a long list does not block the event loop. */
async function encodeList (tasks: readonly StoredTask[], encode: (task: StoredTask) => Uint8Array): Promise<ListBody> {
  const joiner = new Joiner()
  joiner.add(OPEN)
  let isFirst = true
  await inTimeSlices(tasks, (task) => {
    if (!isFirst) joiner.add(COMMA)
    isFirst = false
    joiner.add(encode(task))
  })
  joiner.add(CLOSE)
  return joiner.end()
}

const OPEN = Buffer.from('[')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from(']')

/** Joins small texts. */
class Joiner {
  readonly #pieces: Uint8Array[] = []
  #piece: Uint8Array = Buffer.allocUnsafe(0)
  #used = 0
  #length = 0

  add (bytes: Uint8Array): void {
    this.#length += bytes.length
    if (bytes.length > this.#piece.length - this.#used) this.#flush()
    if (bytes.length > PIECE_BYTES / 4) {
      this.#flush()
      this.#pieces.push(bytes)
      return
    }
    if (this.#piece.length === 0) this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
    this.#piece.set(bytes, this.#used)
    this.#used += bytes.length
  }

  end (): ListBody {
    this.#flush()
    return { pieces: this.#pieces, length: this.#length }
  }

  /** Ends the piece in progress. The next one continues in the unused part of its buffer, if that is large enough. */
  #flush (): void {
    if (this.#used > 0) this.#pieces.push(this.#piece.subarray(0, this.#used))
    const rest = this.#piece.subarray(this.#used)
    this.#piece = rest.length > PIECE_BYTES / 2 ? rest : rest.subarray(0, 0)
    this.#used = 0
  }
}
