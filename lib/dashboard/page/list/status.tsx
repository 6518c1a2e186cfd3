import { Ban, CircleCheck, CircleHelp, CircleX, Clock, LoaderCircle } from 'lucide-preact'
import { TASK_STATUSES, type TaskStatus } from '../../../shared/task-status.ts'
import { textOf } from '../ui/text.ts'

const ICONS = { queued: Clock, running: LoaderCircle, completed: CircleCheck, failed: CircleX, cancelled: Ban } satisfies Record<TaskStatus, unknown>

export const STATUS_LABELS: Readonly<Record<TaskStatus, string>> = { queued: 'Queued', running: 'Running', completed: 'Completed', failed: 'Failed', cancelled: 'Cancelled' }

/** The status with its icon. An unknown status, written by another program, is shown unchanged. */
export function Status ({ status }: { status: unknown }) {
  const known = TASK_STATUSES.find((each) => each === status)
  const Icon = known === undefined ? CircleHelp : ICONS[known]
  return <span class={`status ${known ?? 'other'}`}><Icon size={18} aria-hidden='true' />{known === undefined ? textOf(status) : STATUS_LABELS[known]}</span>
}
