import { createTaskId } from '../shared/task-id.ts'
import { NEW_TASK_DEFAULTS, type NewTask, type Task } from '../shared/task-schema.ts'
import { defined } from '../util/defined.ts'

/** A queued task with the default values. */
export function queuedTask ({ id, command, type, app, config, timeoutMs }: NewTask): Task {
  const now = Date.now()
  return {
    id: id ?? createTaskId(now),
    command,
    ...NEW_TASK_DEFAULTS,
    ...defined({ type, app, config }),
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
