import type { Task, TaskSummary } from '../../shared/task-schema.ts'

const FIELDS: Readonly<Record<keyof TaskSummary, true>> = {
  id: true,
  command: true,
  type: true,
  app: true,
  status: true,
  createdAt: true,
  startedAt: true,
  completedAt: true,
  heartbeatAt: true,
  exitCode: true,
  errorMessage: true,
  timeoutMs: true
}

/** The task without `config` and custom fields. */
export function toSummary (task: Task | TaskSummary): TaskSummary {
  return Object.fromEntries(Object.entries(task).filter(([name]) => Object.hasOwn(FIELDS, name))) as TaskSummary
}
