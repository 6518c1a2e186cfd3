import { Readable } from 'node:stream'
import { toStoredTask } from '../../lib/shared/complete-task.ts'
import type { StoredTask } from '../../lib/shared/stored-task.ts'
import { textChunk } from '../../lib/log/text.ts'
import type { LogContent, LogStore, TaskEvent, TaskLogEvent } from '../../lib/store.ts'

export const ID = 'task_1_a'

/** A store of one log. */
export class OneLog implements LogStore {
  bytes: Buffer | undefined
  /** The status of the task; undefined if the task does not exist. */
  status: string | undefined = 'completed'
  reads = 0
  /** Replaces the body of each read. */
  onRead: (body: Readable) => Readable = (body) => body
  readonly listeners = new Set<(event: TaskEvent) => void>()

  constructor (bytes?: Buffer | string) {
    this.bytes = bytes === undefined ? undefined : Buffer.from(bytes)
  }

  async get (id: string): Promise<StoredTask | undefined> {
    return this.status === undefined ? undefined : taskWith(id, this.status)
  }

  async readLog (_id: string, { start, end = Infinity }: { start: number, end?: number }): Promise<LogContent | undefined> {
    this.reads++
    if (this.bytes === undefined) return undefined
    const range = this.bytes.subarray(start, Math.max(start, end))
    const chunks = Array.from({ length: Math.ceil(range.length / 65536) }, (_, index) => range.subarray(index * 65536, (index + 1) * 65536))
    return { size: this.bytes.length, etag: `"${this.reads}"`, body: this.onRead(Readable.from(chunks)) }
  }

  subscribe (listener: (event: TaskEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Emits a log event. Default: a size update. */
  emit (fields: Partial<TaskLogEvent> = {}): void {
    const size = this.bytes?.length ?? 0
    this.#emit({ type: 'task.log', eventId: '', taskId: ID, offset: size, end: size, chunk: '', ...fields })
  }

  /** Appends bytes, and emits them as the directory store does. @param isEmitted default: true */
  append (text: string | Buffer, { isEmitted = true } = {}): void {
    const bytes = Buffer.from(text)
    const offset = this.bytes?.length ?? 0
    this.bytes = Buffer.concat([this.bytes ?? Buffer.alloc(0), bytes])
    if (isEmitted) this.emit(textChunk(offset, bytes))
  }

  /** Sets the status of the task, and emits it; undefined: it is deleted. */
  setStatus (status: string | undefined): void {
    this.status = status
    this.#emit(status === undefined ? { type: 'task.deleted', eventId: '', taskId: ID } : { type: 'task.upsert', eventId: '', task: taskWith(ID, status) })
  }

  #emit (event: TaskEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}

function taskWith (id: string, status: string): StoredTask {
  return toStoredTask(JSON.stringify({ id, status }))
}
