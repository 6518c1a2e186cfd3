import { useLayoutEffect, useRef } from 'preact/hooks'
import type { TaskType } from '../../../client/index.ts'
import { goToList } from '../routing/router.ts'
import { ConfigField } from './config-field.tsx'
import type { FormTemplate } from './form-state.ts'
import { AppField, CommandField, TypeField } from './task-fields.tsx'
import { useTaskForm } from './use-task-form.ts'

interface TaskFormProps {
  readonly types: readonly TaskType[]
  readonly template: FormTemplate | undefined
}

export function TaskForm ({ types, template }: TaskFormProps) {
  const { state, dispatch, submit } = useTaskForm(types, template)
  const commandField = useRef<HTMLTextAreaElement>(null)
  // in the layout phase, so that keys pressed immediately go into the field
  useLayoutEffect(() => { commandField.current?.focus() }, [])
  const errorOf = (name: string) => state.fieldErrors.find((error) => error.name === name)?.message
  const isSending = state.phase === 'sending'
  return (
    <form onSubmit={submit} noValidate>
      <TypeField state={state} dispatch={dispatch} />
      <CommandField state={state} dispatch={dispatch} field={commandField} onSubmit={submit} />
      {state.field !== undefined && (
        <ConfigField field={state.field} inputs={state.inputs} errorOf={errorOf} onInput={(name, input) => dispatch({ type: 'input-changed', name, input })} />
      )}
      <AppField state={state} dispatch={dispatch} />
      {state.requestError !== undefined && <p class='error' role='alert'>{state.requestError}</p>}
      <div class='buttons'>
        <button type='submit' aria-busy={isSending} disabled={isSending}>Create</button>
        <button type='button' class='secondary' onClick={goToList}>Back</button>
      </div>
    </form>
  )
}
