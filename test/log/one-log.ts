import { Readable } from 'node:stream'
import type { LogContent, TaskEvent, TaskStore } from '../../lib/store.ts'

export const ID = 'task_1_a'

/** The part of a store that reads and follows one log. */
export class OneLog {
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

  get store (): TaskStore {
    return this as unknown as TaskStore
  }

  async get (id: string): Promise<unknown> {
    return this.status === undefined ? undefined : { id, status: this.status }
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

  emit (event: Partial<TaskEvent>): void {
    for (const listener of this.listeners) listener({ type: 'task.log', taskId: ID, ...event } as TaskEvent)
  }
}

/** A store with a task whose log has these bytes; without bytes there is no log. */
export function storeOf (bytes?: Buffer | string): TaskStore {
  return new OneLog(bytes).store
}
