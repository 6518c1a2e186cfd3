import { createTaskId } from '../shared/task-id.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'

/** A queued task with the default values. */
export function queuedTask ({ id, command, type = 'custom', app = null, config = '', timeoutMs }: NewTask): Task {
  const now = Date.now()
  return {
    id: id ?? createTaskId(now),
    command,
    type,
    app,
    config,
    status: 'queued',
    createdAt: new Date(now).toISOString(),
    startedAt: null,
    completedAt: null,
    heartbeatAt: null,
    exitCode: null,
    errorMessage: null,
    ...(timeoutMs !== undefined && { timeoutMs })
  }
}
