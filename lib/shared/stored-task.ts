import type { JsonText } from './json-text.ts'
import { creationTime } from './task-order.ts'
import type { Task } from './task-schema.ts'
import { TASK_STATUSES, type TaskStatus } from './task-status.ts'

const decoder = new TextDecoder()

/** A task as a store holds it: its JSON text, and the fields on which order and filters depend. The other fields are parsed on demand. */
export class StoredTask {
  readonly id: string
  /** Undefined if a file written by another program has an unknown status. */
  readonly status: TaskStatus | undefined
  /** Milliseconds since the epoch, see `creationTime`. */
  readonly createdAt: number
  /** The JSON text in UTF-8, without white space between its tokens: one line, with the numbers, the order and the unknown fields of the file. */
  readonly json: Uint8Array

  /** @param text an object whose `id` is a task id */
  constructor (text: JsonText) {
    const status = text.scalar('status')
    this.id = text.scalar('id') as string
    this.status = TASK_STATUSES.find((known) => known === status)
    this.createdAt = creationTime({ id: this.id, createdAt: text.scalar('createdAt'), created_at: text.scalar('created_at') })
    this.json = text.bytes
  }

  /** Parses the text. Each call returns a new object. */
  parse (): Task {
    return JSON.parse(decoder.decode(this.json))
  }
}
