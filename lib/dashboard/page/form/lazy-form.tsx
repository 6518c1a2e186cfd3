import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'

interface NewTaskPageProps {
  readonly from: string | undefined
}

/** Loads the form and its validator at first use. */
export function NewTaskPage (props: NewTaskPageProps) {
  const [Form, setForm] = useState<FunctionComponent<NewTaskPageProps> | undefined>(undefined)
  const [hasFailed, setFailed] = useState(false)
  useEffect(() => {
    import('./new-task.tsx').then(({ NewTaskForm }) => setForm(() => NewTaskForm), () => setFailed(true))
  }, [])
  if (hasFailed) return <main><p class='error' role='alert'>The form failed to load; the dashboard may have been updated. <button type='button' class='small' onClick={() => location.reload()}>Reload</button></p></main>
  return Form === undefined ? <p class='starting'>Loading…</p> : <Form {...props} />
}
