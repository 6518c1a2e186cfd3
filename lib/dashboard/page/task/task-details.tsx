import { ArrowLeft } from 'lucide-preact'
import { useEffect } from 'preact/hooks'
import type { TaskSummary } from '../../../client/index.ts'
import { Status } from '../list/status.tsx'
import { LogPanel } from '../log/log-panel.tsx'
import { goToList } from '../routing/router.ts'
import { taskById, tasks } from '../state.ts'
import { watchTask } from '../ui/announcer.ts'
import { textOf } from '../ui/text.ts'
import { Actions } from './actions.tsx'
import { AllFields } from './all-fields.tsx'
import { Timeline } from './timeline.tsx'

export function TaskDetails ({ id, at }: { id: string, at: number | undefined }) {
  const task = taskById(id)
  useEffect(() => { watchTask(id) }, [id])
  if (task === undefined) {
    return <main class='task'><Back /><h1>{tasks.value === undefined ? 'Loading…' : 'Task not found'}</h1><p><code>{id}</code></p></main>
  }
  return (
    <main class='task'>
      <Back />
      <Summary task={task} />
      <LogPanel key={id} task={task} at={at} />
    </main>
  )
}

function Back () {
  return <button type='button' class='plain back' onClick={goToList}><ArrowLeft size={16} aria-hidden='true' /> Tasks</button>
}

function Summary ({ task }: { task: TaskSummary }) {
  const { command, id, status, errorMessage, exitCode } = task
  return (
    <section class='about' aria-label='Task details'>
      <h1 class='command'>{textOf(command) || id}</h1>
      <div class='state'>
        <Status status={status} />
        {exitCode !== null && exitCode !== undefined && <span class='exit'>Exit code {textOf(exitCode)}</span>}
        <Actions task={task} />
      </div>
      {errorMessage && <p class='error'>{textOf(errorMessage)}</p>}
      <Timeline task={task} />
      <AllFields task={task} />
    </section>
  )
}
