import { MAX_TIMER_MS } from '../../util/timers.ts'
import type { Task } from '../../shared/task-schema.ts'

/**
 * What a command finds in its environment about its task: `TASK_ID`, `TASK_TYPE`, `TASK_APP` (empty for null), and
 * `TASK_CONFIG`, the config as JSON text, unless that is the empty string or missing.
 */
export function taskVariables (task: Task): Record<string, string> {
  const { id, type, app, config } = task
  const variables: Record<string, string> = { TASK_ID: id, TASK_TYPE: asText(type ?? 'custom'), TASK_APP: asText(app) }
  if (config !== undefined && config !== '') variables.TASK_CONFIG = JSON.stringify(config)
  return variables
}

/** Files of others may hold anything. */
function asText (value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Why a task's command can't be handed to the system at all; undefined: it can. */
export function whyNotRunnable ({ command, type, app }: Task): string | undefined {
  if (typeof command !== 'string' || command.trim() === '') return 'The command is empty.'
  if ([command, type, app].some(holdsNul)) return 'The command, type or app contains a NUL byte.'
  return undefined
}

/** The system can't be given such an argument or variable. */
export function holdsNul (value: unknown): boolean {
  return asText(value).includes('\0')
}

/** After how many ms a task is to be ended. Anything but a positive integer counts as none. */
export function timeoutOf ({ timeoutMs }: Task): number | undefined {
  // a timer can't wait longer
  return Number.isInteger(timeoutMs) && timeoutMs! > 0 ? Math.min(timeoutMs!, MAX_TIMER_MS) : undefined
}
