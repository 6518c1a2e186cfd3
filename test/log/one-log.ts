import { Readable } from 'node:stream'
import { toStoredTask } from '../../lib/shared/complete-task.ts'
import type { StoredTask } from '../../lib/shared/stored-task.ts'
import type { LogContent, LogStore, TaskEvent } from '../../lib/store.ts'

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
    return this.status === undefined ? undefined : toStoredTask(JSON.stringify({ id, status: this.status }))
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
