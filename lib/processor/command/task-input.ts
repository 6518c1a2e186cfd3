import type { Task } from '../../shared/task-schema.ts'
import { MAX_TIMER_MS } from '../../util/timers.ts'

/**
 * The variables that describe a task to its command: `TASK_ID`, `TASK_TYPE`, `TASK_APP` (empty for null), and
 * `TASK_CONFIG`, the config as JSON text, unless it is the empty string or missing.
 */
export function taskVariables (task: Task): Record<string, string> {
  const { id, type, app, config } = task
  const variables: Record<string, string> = { TASK_ID: id, TASK_TYPE: asText(type ?? 'custom'), TASK_APP: asText(app) }
  if (config !== undefined && config !== '') variables.TASK_CONFIG = JSON.stringify(config)
  return variables
}

/** A task file that another program wrote may contain any value. */
function asText (value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Why the system cannot run a task's command at all; undefined if it can. */
export function whyNotRunnable ({ command, type, app }: Task): string | undefined {
  if (typeof command !== 'string' || command.trim() === '') return 'The command is empty.'
  if ([command, type, app].some(holdsNul)) return 'The command, type or app contains a NUL byte.'
  return undefined
}

/** Whether a text contains a NUL byte, which no argument or variable can. */
export function holdsNul (value: unknown): boolean {
  return asText(value).includes('\0')
}

/** The time limit of a task, in ms, at most that of a timer. Undefined if `timeoutMs` is not a positive integer. */
export function timeoutOf ({ timeoutMs }: Task): number | undefined {
  return typeof timeoutMs === 'number' && Number.isInteger(timeoutMs) && timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : undefined
}
