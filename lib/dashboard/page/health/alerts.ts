import type { Health, Task } from '../../../client/index.ts'
import { creationTime } from '../../../shared/task-order.ts'

/** A queued task that waits longer while nothing runs. */
const STUCK_MS = 30_000

export interface Alert {
  readonly code: string
  readonly message: string
  /** Nothing runs. */
  readonly serious: boolean
}

const SERIOUS = ['processor-absent', 'processor-stale', 'processor-stuck', 'directory-unreadable', 'processor-lock-unreadable']

/** What people should know, and what they can do. */
export function alertsOf (health: Health | undefined, tasks: readonly Task[], now: number): Alert[] {
  if (health === undefined) return []
  const found = health.problems.map(({ code, message }) => ({ code, message, serious: SERIOUS.includes(code) }))
  if (!health.processorAlive || tasks.some(({ status }) => status === 'running')) return found
  const oldest = tasks.findLast(({ status }) => status === 'queued')
  if (oldest === undefined || now - creationTime(oldest) < STUCK_MS) return found
  return [...found, {
    code: 'processor-stuck',
    message: 'The processor is alive but is not running any queued tasks. Check its output (or journalctl).',
    serious: true
  }]
}
