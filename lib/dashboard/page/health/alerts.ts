import type { Health, TaskSummary } from '../../../client/index.ts'
import { creationTime } from '../../../shared/task-order.ts'

/** How long a task may be queued while no task is running, in ms. */
const STUCK_MS = 30_000

export interface Alert {
  /** Code of the health problem, or `processor-stuck`. */
  readonly code: string
  readonly message: string
  /** Whether tasks cannot run or cannot be shown. */
  readonly serious: boolean
}

/** The problems that the server reports, and a processor that is alive but runs nothing. */
export function alertsOf (health: Health | undefined, tasks: readonly TaskSummary[], now: number): Alert[] {
  if (health === undefined) return []
  const alerts = health.problems.map(({ code, message, serious = false }) => ({ code, message, serious }))
  if (!health.processorAlive || tasks.some(({ status }) => status === 'running')) return alerts
  const oldest = tasks.findLast(({ status }) => status === 'queued')
  if (oldest === undefined || now - creationTime(oldest) < STUCK_MS) return alerts
  return [...alerts, {
    code: 'processor-stuck',
    message: 'The processor is alive but is not running any queued tasks. Check its output (or journalctl).',
    serious: true
  }]
}
