import { SUMMARY_FIELDS } from '../../shared/summary-fields.ts'
import type { Task, TaskSummary } from '../../shared/task-schema.ts'

/** The task without `config` and custom fields. */
export function toSummary (task: Task | TaskSummary): TaskSummary {
  return Object.fromEntries(Object.entries(task).filter(([name]) => SUMMARY_FIELDS.includes(name))) as TaskSummary
}
