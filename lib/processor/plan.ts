import type { Task } from '../task-schema.ts'
import type { Program } from './launch.ts'
import { taskVariables, timeoutOf, whyNotRunnable } from './task-input.ts'

export type Plan = { refused: string } | (Program & { timeoutMs?: number })

export function anyCommand (task: Task): Plan {
  const refused = whyNotRunnable(task)
  if (refused !== undefined) return { refused }
  const timeoutMs = timeoutOf(task)
  return { argv: ['sh', '-c', '--', task.command], env: taskVariables(task), ...(timeoutMs !== undefined && { timeoutMs }) }
}
