import type { TaskType, TaskTypes } from '../../../client/index.ts'
import { readOnly, types } from '../state.ts'
import { useWholeTask } from '../task/use-whole-task.ts'
import { compactJson } from '../ui/json.ts'
import { RequestError } from '../ui/request-error.tsx'
import type { FormTemplate } from './form-state.ts'
import { TaskForm } from './task-form.tsx'

/** A shell command. Offered if the processor runs any type, or has not published its types. */
const CUSTOM: TaskType = { name: 'custom', title: 'Command', shell: true }

export function NewTaskForm ({ from }: { from: string | undefined }) {
  const published = types.value
  const { phase, task, error, retry } = useWholeTask(from)
  if (readOnly.value) return <main class='form'><h1>New task</h1><p>This view is read-only.</p></main>
  if (phase === 'failed') return <main class='form'><h1>New task</h1><RequestError message={error ?? ''} onRetry={() => retry()} /></main>
  if (published === undefined || (from !== undefined && phase === 'loading')) return <p class='starting'>Loading…</p>
  const isTooDeep = task?.config !== undefined && compactJson(task.config) === undefined
  return (
    <main class='form'>
      <h1>New task</h1>
      {published.types.length === 0 && <p class='quiet'>No processor has published its task types yet.</p>}
      {isTooDeep && <p class='error' role='alert'>The config of this task is nested too deeply to be copied.</p>}
      <TaskForm key={from ?? ''} types={offeredTypes(published)} template={isTooDeep ? withoutConfig(task) : task} />
    </main>
  )
}

function withoutConfig (template: FormTemplate): FormTemplate {
  return { ...template, config: undefined }
}

function offeredTypes ({ types, anyType }: TaskTypes): readonly TaskType[] {
  if (!anyType && types.length > 0) return types
  return [...types.filter(({ name }) => name !== CUSTOM.name), CUSTOM]
}
