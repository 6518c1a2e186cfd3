import { createTaskId } from '../shared/task-id.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'

/** A queued task with the default values. */
export function queuedTask ({ id = createTaskId(), command, type = 'custom', app = null, config = '', timeoutMs }: NewTask): Task {
  return {
    id,
    command,
    type,
    app,
    config,
    status: 'queued',
    createdAt: new Date().toISOString(),
    startedAt: null,
    completedAt: null,
    heartbeatAt: null,
    exitCode: null,
    errorMessage: null,
    ...(timeoutMs !== undefined && { timeoutMs })
  }
}
