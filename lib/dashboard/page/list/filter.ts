import { TASK_STATUSES, type TaskStatus } from '../../../shared/task-status.ts'
import { textOf } from '../ui/text.ts'
import type { Task } from '../../../client/index.ts'

export interface Filter {
  /** Undefined: all. */
  readonly status?: TaskStatus | undefined
  readonly type?: string | undefined
  /** Words that the command, the id, the app, the type or the error must all hold, whatever their case. */
  readonly text?: string | undefined
}

export type Counts = Readonly<Record<TaskStatus, number>>

export function countByStatus (tasks: readonly Task[]): Counts {
  const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, 0])) as Record<TaskStatus, number>
  for (const { status } of tasks) if (isKnown(status)) counts[status]++
  return counts
}

function isKnown (status: unknown): status is TaskStatus {
  return TASK_STATUSES.some((known) => known === status)
}

export function typesOf (tasks: readonly Task[]): string[] {
  return [...new Set(tasks.map(({ type }) => type).filter((type) => typeof type === 'string'))].sort()
}

export function filterTasks (tasks: readonly Task[], { status, type, text = '' }: Filter): readonly Task[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (status === undefined && type === undefined && words.length === 0) return tasks
  return tasks.filter((task) => {
    if (status !== undefined && task.status !== status) return false
    if (type !== undefined && task.type !== type) return false
    return words.length === 0 || holdsAll(task, words)
  })
}

function holdsAll ({ id, command, type, app, errorMessage }: Task, words: readonly string[]): boolean {
  const text = [id, command, type, app, errorMessage].map(textOf).join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}
