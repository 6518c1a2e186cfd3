import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'

interface Props {
  readonly from: string | undefined
}

/** The form, with what checks it, is loaded when somebody wants it. */
export function NewTaskPage (props: Props) {
  const [Form, setForm] = useState<FunctionComponent<Props> | undefined>(undefined)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    import('./new-task.tsx').then(({ NewTask }) => setForm(() => NewTask), () => setFailed(true))
  }, [])
  if (failed) return <main><p class='error' role='alert'>The form can't be loaded. <button type='button' class='small' onClick={() => location.reload()}>Reload</button></p></main>
  return Form === undefined ? <p class='starting'>Loading…</p> : <Form {...props} />
}
