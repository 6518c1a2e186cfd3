/**
 * The states of a task: `queued → running → completed | failed | cancelled`, or `queued → failed | cancelled` if it never
 * runs (it was rejected or cancelled).
 */
export const TASK_STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const

export type TaskStatus = (typeof TASK_STATUSES)[number]

/** Whether the status can still change. An unknown status is neither active nor terminal. */
export function isActive (status: string | undefined): boolean {
  return status === 'queued' || status === 'running'
}

/** Whether the task is finished. */
export function isTerminal (status: string | undefined): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
