import { abortable } from '../util/abortable-generator.ts'
import { LogFingerprint, sameBytes } from '../shared/fingerprint.ts'
import type { FollowOptions } from '../shared/follow-options.ts'
import type { LogContent, TaskStore } from '../store.ts'
import { isActive, type TaskStatus } from '../shared/task.ts'

/** Bytes of a log as they came. */
export interface LogPiece {
  /** Byte offset of the first one. */
  readonly offset: number
  readonly bytes: Buffer
  /** The log shrank or was rewritten: what came before no longer counts. */
  readonly restarted?: true
}

/** Result of a log that was followed to its end. */
export interface LogEnd {
  readonly size: number
  /** Undefined: the task is gone, or its file holds a status of its own. */
  readonly status: TaskStatus | undefined
}

/** Undefined where it was ended. */
export type LogPieces = AsyncGenerator<LogPiece, LogEnd | undefined, undefined>

/**
 * Reads a log to its end, and on as it grows, until its task has ended or is gone; a log that is not there yet is
 * waited for. Where the log shrinks or is rewritten, it starts over at the log's beginning. Who leaves (`break`,
 * `return`) ends it at once.
 */
export function followLog (store: TaskStore, taskId: string, { position = 0, signal }: FollowOptions): LogPieces {
  return abortable((end) => new LogFollower(store, taskId, position).follow(end), signal)
}

/** The same as bytes alone: where the log starts over, they come again. */
export function followLogBytes (store: TaskStore, taskId: string, { position = 0, signal }: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  return abortable((end) => bytesOf(new LogFollower(store, taskId, position).follow(end)), signal)
}

async function * bytesOf (pieces: LogPieces): AsyncGenerator<Buffer, void, undefined> {
  for await (const { bytes } of pieces) if (bytes.length > 0) yield bytes
}

class LogFollower {
  readonly #store: TaskStore
  readonly #taskId: string
  #read: LogFingerprint
  /** Something happened since the log was read last. */
  #stale = true
  /** The store says that the log was rewritten. */
  #rewritten = false
  /** The rewrite was detected here before the store reported it. */
  #noticed = false
  #wake: () => void = () => {}

  constructor (store: TaskStore, taskId: string, position: number) {
    this.#store = store
    this.#taskId = taskId
    this.#read = new LogFingerprint(position)
  }

  async * follow (signal: AbortSignal): LogPieces {
    const unsubscribe = this.#store.subscribe((event) => {
      const id = event.type === 'task.upsert' ? event.task.id : event.taskId
      if (id !== this.#taskId) return
      this.#stale = true
      if (event.type === 'task.log' && event.truncated === true) this.#rewritten = true
      this.#wake()
    }, { logs: this.#taskId })
    const onAbort = () => this.#wake()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted) {
        this.#stale = false
        // the state first: what was written before the end is read after it
        const status = (await this.#store.get(this.#taskId))?.status
        if (!(yield * this.#readOn(signal))) continue
        if (!isActive(status)) return { size: this.#read.position, status }
        if (!this.#stale && !signal.aborted) await new Promise<void>((resolve) => { this.#wake = resolve })
      }
      return undefined
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** @returns false: reading was interrupted, continue immediately */
  async * #readOn (signal: AbortSignal): AsyncGenerator<LogPiece, boolean, undefined> {
    if (this.#rewritten) {
      this.#rewritten = false
      if (!this.#noticed || !await this.#beginsTheSame()) yield this.#startOver()
      this.#noticed = false
    }
    const { position, last } = this.#read
    const log = await this.#store.readLog(this.#taskId, { start: position - last.length })
    if (log === undefined || log.size < position) {
      log?.body.destroy()
      if (position === 0) return true
      this.#noticed = true
      yield this.#startOver()
      return log === undefined
    }
    let before = Buffer.alloc(0)
    try {
      for await (let bytes of log.body as AsyncIterable<Buffer>) {
        // the rest may belong to another log than the beginning
        if (this.#rewritten || signal.aborted) return false
        if (before.length < last.length) {
          before = Buffer.concat([before, bytes])
          if (before.length < last.length) continue
          if (!sameBytes(before.subarray(0, last.length), last)) {
            this.#noticed = true
            yield this.#startOver()
            return false
          }
          bytes = before.subarray(last.length)
          if (bytes.length === 0) continue
        }
        const offset = this.#read.position
        this.#read.advance(bytes)
        yield { offset, bytes }
      }
    } catch (error) {
      if (!await this.#changed(log)) throw error
      return false
    }
    return true
  }

  #startOver (): LogPiece {
    this.#read = new LogFingerprint()
    return { offset: 0, bytes: Buffer.alloc(0), restarted: true }
  }

  async #beginsTheSame (): Promise<boolean> {
    const { first } = this.#read
    const log = await this.#store.readLog(this.#taskId, { start: 0, end: first.length })
    if (log === undefined) return first.length === 0
    const bytes = await log.body.toArray().then((parts: Buffer[]) => Buffer.concat(parts), () => Buffer.alloc(0))
    return sameBytes(bytes, first)
  }

  /** A log that is cut while it is read breaks off, and may be longer again by now. */
  async #changed ({ etag }: LogContent): Promise<boolean> {
    const log = await this.#store.readLog(this.#taskId, { start: 0, end: 0 })
    return log?.etag !== etag
  }
}
