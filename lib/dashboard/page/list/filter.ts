import { TASK_STATUSES, type TaskStatus } from '../../../shared/task-status.ts'
import { textOf } from '../ui/text.ts'
import type { TaskSummary } from '../../../client/index.ts'

export interface TaskFilter {
  /** Default: all. */
  readonly status?: TaskStatus | undefined
  readonly type?: string | undefined
  /** Words, each of which must occur in the command, id, app, type or error message. Case is ignored. */
  readonly text?: string | undefined
}

/** Tasks with an unknown status, written by another program, are not counted. */
export function countByStatus (tasks: readonly TaskSummary[]): Readonly<Record<TaskStatus, number>> {
  const counts: Record<TaskStatus, number> = { queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
  for (const { status } of tasks) if (isKnown(status)) counts[status]++
  return counts
}

function isKnown (status: unknown): status is TaskStatus {
  return TASK_STATUSES.some((known) => known === status)
}

/** The types in use, sorted. */
export function typesOf (tasks: readonly TaskSummary[]): string[] {
  return [...new Set(tasks.map(({ type }) => type).filter((type) => typeof type === 'string'))].sort()
}

/** Returns the array itself if the filter is empty, so that nothing re-renders. */
export function filterTasks (tasks: readonly TaskSummary[], { status, type, text = '' }: TaskFilter): readonly TaskSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (status === undefined && type === undefined && words.length === 0) return tasks
  return tasks.filter((task) => {
    if (status !== undefined && task.status !== status) return false
    if (type !== undefined && task.type !== type) return false
    return words.length === 0 || containsAll(task, words)
  })
}

function containsAll ({ id, command, type, app, errorMessage }: TaskSummary, words: readonly string[]): boolean {
  const text = [id, command, type, app, errorMessage].map(textOf).join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}
