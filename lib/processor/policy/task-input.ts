import type { Task } from '../../shared/task-schema.ts'
import { MAX_TIMER_MS } from '../../util/timers.ts'

// Reads the fields of a task that decide how its command runs. Task files are untrusted: a field may be missing or have any
// JSON type, so none of these functions relies on the declared types.

/** The type of a task: `custom` if it has none, the empty string (no policy has such a type) if it is not a string. */
export function typeOf ({ type }: { type?: string | undefined }): string {
  return type === undefined ? 'custom' : asText(type)
}

/** The time limit of a task, in ms, at most that of a timer. Undefined if `timeoutMs` is not a positive integer. */
export function timeoutOf ({ timeoutMs }: Partial<Task>): number | undefined {
  return typeof timeoutMs === 'number' && Number.isInteger(timeoutMs) && timeoutMs > 0 ? Math.min(timeoutMs, MAX_TIMER_MS) : undefined
}

/**
 * The variables that describe a task to its command: `TASK_ID`, `TASK_TYPE`, `TASK_APP` (empty for null), and
 * `TASK_CONFIG`, the config as JSON text, unless it is the empty string or missing.
 * @throws RangeError if the config is nested too deeply for `JSON.stringify`
 */
export function taskVariables (task: Task): Record<string, string> {
  const { id, type, app, config } = task
  const variables: Record<string, string> = { TASK_ID: id, TASK_TYPE: asText(type ?? 'custom'), TASK_APP: asText(app) }
  if (config !== undefined && config !== '') variables.TASK_CONFIG = JSON.stringify(config)
  return variables
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

function asText (value: unknown): string {
  return typeof value === 'string' ? value : ''
}
