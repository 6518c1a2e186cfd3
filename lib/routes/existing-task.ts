import { FST_TASKS_NOT_FOUND } from '../errors.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import type { TaskStore } from '../store.ts'

/** @throws FST_TASKS_NOT_FOUND */
export async function existingTask (store: TaskStore, id: string): Promise<StoredTask> {
  const task = await store.get(id)
  if (task === undefined) throw new FST_TASKS_NOT_FOUND(id)
  return task
}
