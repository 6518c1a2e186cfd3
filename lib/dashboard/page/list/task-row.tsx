import type { TaskSummary } from '../../../client/index.ts'
import { creationTime } from '../../../shared/task-order.ts'
import { go } from '../routing/router.ts'
import { taskHash } from '../routing/route.ts'
import { now } from '../state.ts'
import { ranMs } from '../task/task-times.ts'
import { formatAge, formatElapsed } from '../ui/format.ts'
import { textOf } from '../ui/text.ts'
import { Status } from './status.tsx'

/** Longest text in a row, which has one line: browsers lay out long lines slowly. */
const MAX_LENGTH = 500

interface TaskRowProps {
  readonly task: TaskSummary
  readonly index: number
  /** Whether the Tab key reaches this row. */
  readonly isTabbable: boolean
  readonly onFocus: (id: string) => void
}

export function TaskRow ({ task, index, isTabbable, onFocus }: TaskRowProps) {
  const { id, command, type, app, status, createdAt } = task
  const ran = ranMs(task, now.value)
  const open = ({ defaultPrevented }: Event) => {
    // a click may also follow the row's link, or end the selection of text
    if (!defaultPrevented && !getSelection()?.toString()) go(taskHash(id))
  }
  return (
    <div class='row' role='row' aria-rowindex={index + 2} onClick={open}>
      <span role='cell'><Status status={status} /></span>
      <span role='cell' class='command'>
        <a id={`row-${id}`} href={taskHash(id)} tabIndex={isTabbable ? 0 : -1} onFocus={() => onFocus(id)}>{textOf(command).slice(0, MAX_LENGTH) || id}</a>
      </span>
      <span role='cell' class='type'>{textOf(type).slice(0, MAX_LENGTH)}</span>
      <span role='cell' class='app'>{textOf(app).slice(0, MAX_LENGTH)}</span>
      <span role='cell' class='age'><time dateTime={textOf(createdAt)} title={new Date(creationTime(task)).toLocaleString()}>{formatAge(now.value - creationTime(task))}</time></span>
      <span role='cell' class='duration'>{ran === undefined ? '' : formatElapsed(ran)}</span>
    </div>
  )
}
