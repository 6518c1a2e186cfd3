import type { StoredTask } from '../shared/stored-task.ts'
import type { Task } from '../shared/task-schema.ts'

/** Weak: parsed tasks take much more memory than their text. */
const parsed = new WeakMap<StoredTask, WeakRef<Task>>()

/** The parsed task, shared by the filters of all clients. */
export function parsedTask (stored: StoredTask): Task {
  const known = parsed.get(stored)?.deref()
  if (known !== undefined) return known
  const task = stored.parse()
  parsed.set(stored, new WeakRef(task))
  return task
}
