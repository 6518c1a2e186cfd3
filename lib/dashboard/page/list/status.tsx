import { Ban, CircleCheck, CircleHelp, CircleX, Clock, LoaderCircle } from 'lucide-preact'
import { textOf } from '../ui/text.ts'
import { TASK_STATUSES, type TaskStatus } from '../../../shared/task-status.ts'

const ICONS = { queued: Clock, running: LoaderCircle, completed: CircleCheck, failed: CircleX, cancelled: Ban } satisfies Record<TaskStatus, unknown>

/** A status of its own, which another program has written, is shown as it is. */
export function Status ({ status }: { status: unknown }) {
  const known = TASK_STATUSES.find((each) => each === status)
  const Icon = known === undefined ? CircleHelp : ICONS[known]
  return <span class={`status ${known ?? 'other'}`}><Icon size={18} aria-hidden='true' />{textOf(status)}</span>
}
