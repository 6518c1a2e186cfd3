import type { Task } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { now } from '../state.ts'
import { textOf } from '../ui/text.ts'
import { parseTime } from '../../../util/parse-time.ts'
import { formatDuration, ranMs, waitedMs } from '../ui/time.ts'

/** Queued, started, ended, and how long it took from one to the next. */
export function Timeline ({ task }: { task: Task }) {
  const { createdAt, startedAt, completedAt, status } = task
  const waited = waitedMs(task, now.value)
  const ran = ranMs(task, now.value)
  return (
    <ol class='timeline'>
      <Moment name='queued' at={createdAt} />
      {waited !== undefined && <li class='span'>{startedAt === null && isActive(status) ? 'waiting' : 'waited'} {formatDuration(waited)}</li>}
      <Moment name='started' at={startedAt} />
      {ran !== undefined && <li class='span'>{isActive(status) ? 'running' : 'ran'} {formatDuration(ran)}</li>}
      <Moment name='ended' at={completedAt} />
    </ol>
  )
}

function Moment ({ name, at }: { name: string, at: unknown }) {
  const time = parseTime(at)
  if (time === undefined) return null
  return <li>{name} <time dateTime={textOf(at)}>{new Date(time).toLocaleString()}</time></li>
}
