import { useState } from 'preact/hooks'
import type { Task, TaskSummary } from '../../../client/index.ts'
import { config } from '../config.ts'
import { formatJson } from '../ui/json.ts'
import { RequestError } from '../ui/request-error.tsx'
import { useWholeTask } from './use-whole-task.ts'

/** Longest value that is shown, in characters. */
const MAX_LENGTH = 100_000

/** All fields of the task, including those that other programs have added. They are loaded when they are to be shown. */
export function AllFields ({ task }: { task: TaskSummary }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>All fields</summary>
      {isOpen && <LoadedFields task={task} />}
    </details>
  )
}

function LoadedFields ({ task: { id }, task }: { task: TaskSummary }) {
  const whole = useWholeTask(id, task)
  if (whole.phase === 'missing') return <p class='quiet'>The task was deleted.</p>
  return (
    <>
      {whole.error !== undefined && <RequestError message={whole.error} onRetry={() => whole.retry()} />}
      {whole.task === undefined ? whole.phase === 'loading' && <p class='quiet'>Loading…</p> : <Fields task={whole.task} />}
      <p class='quiet'><a href={`${config.value.api}/${id}`} target='_blank' rel='noreferrer'>As JSON</a></p>
    </>
  )
}

function Fields ({ task }: { task: Task }) {
  return (
    <dl class='fields'>
      {Object.entries(task).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'string' ? shortened(value) : <code>{shortened(formatJson(value) ?? 'Nested too deeply to be shown.')}</code>}</dd>
        </div>
      ))}
    </dl>
  )
}

function shortened (text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}… (${text.length - MAX_LENGTH} more characters)`
}
