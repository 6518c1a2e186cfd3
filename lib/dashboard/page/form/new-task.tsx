import type { TaskType, TaskTypes } from '../../../client/index.ts'
import { readOnly, taskById, tasks, types } from '../state.ts'
import { TaskForm } from './task-form.tsx'

/** A shell command. Offered if the processor runs any type, or has not published its types. */
const CUSTOM: TaskType = { name: 'custom', title: 'Command', shell: true }

export function NewTaskForm ({ from }: { from: string | undefined }) {
  const published = types.value
  const template = from === undefined ? undefined : taskById(from)
  if (readOnly.value) return <main class='form'><h1>New task</h1><p>This view is read-only.</p></main>
  if (published === undefined || (from !== undefined && tasks.value === undefined)) return <p class='starting'>Loading…</p>
  return (
    <main class='form'>
      <h1>New task</h1>
      {published.types.length === 0 && <p class='quiet'>No processor has published its task types yet.</p>}
      <TaskForm key={from ?? ''} types={offeredTypes(published)} template={template} />
    </main>
  )
}

function offeredTypes ({ types, anyType }: TaskTypes): readonly TaskType[] {
  if (!anyType && types.length > 0) return types
  return [...types.filter(({ name }) => name !== CUSTOM.name), CUSTOM]
}
