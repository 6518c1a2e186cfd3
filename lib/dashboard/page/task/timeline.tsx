import type { TaskSummary } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { now } from '../state.ts'
import { textOf } from '../ui/text.ts'
import { parseTime } from '../../../util/parse-time.ts'
import { formatElapsed } from '../ui/format.ts'
import { ranMs, waitedMs } from './task-times.ts'

/** When the task was queued, started and finished, and the time between. */
export function Timeline ({ task }: { task: TaskSummary }) {
  const { createdAt, startedAt, completedAt, status } = task
  const waited = waitedMs(task, now.value)
  const ran = ranMs(task, now.value)
  return (
    <ol class='timeline'>
      <Moment name='Queued' at={createdAt} />
      {waited !== undefined && <li class='span'>{startedAt === null && isActive(status) ? 'Waiting' : 'Waited'} {formatElapsed(waited)}</li>}
      <Moment name='Started' at={startedAt} />
      {ran !== undefined && <li class='span'>{isActive(status) ? 'Running' : 'Ran'} {formatElapsed(ran)}</li>}
      <Moment name='Finished' at={completedAt} />
    </ol>
  )
}

function Moment ({ name, at }: { name: string, at: unknown }) {
  const time = parseTime(at)
  if (time === undefined) return null
  return <li>{name} <time dateTime={textOf(at)}>{new Date(time).toLocaleString()}</time></li>
}
