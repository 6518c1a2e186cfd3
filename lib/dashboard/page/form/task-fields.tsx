import type { RefObject } from 'preact'
import type { FormAction, FormState } from './form-state.ts'

interface FieldProps {
  readonly state: FormState
  readonly dispatch: (action: FormAction) => void
}

/** Selects the type. If there is only one, shows its description only. */
export function TypeField ({ state: { types, taskType }, dispatch }: FieldProps) {
  return (
    <>
      {types.length > 1 && (
        <label>
          Type
          <select value={taskType.name} onChange={({ currentTarget }) => dispatch({ type: 'type-selected', name: currentTarget.value })}>
            {types.map(({ name, title }) => <option key={name} value={name}>{title ?? name}</option>)}
          </select>
        </label>
      )}
      {taskType.description !== undefined && <p>{taskType.description}</p>}
    </>
  )
}

interface CommandFieldProps extends FieldProps {
  readonly field: RefObject<HTMLTextAreaElement>
  readonly onSubmit: (event: Event) => void
}

export function CommandField ({ state: { taskType, command, isCommandMissing }, dispatch, field, onSubmit }: CommandFieldProps) {
  const isShell = taskType.shell === true
  const help = isShell ? 'Runs in a shell. Ctrl+Enter creates the task.' : taskType.title ?? taskType.name
  const submitOnCtrlEnter = (event: KeyboardEvent) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSubmit(event) }
  return (
    <div class='field'>
      <label for='field-command'>{isShell ? 'Command' : 'Label (optional)'}</label>
      <textarea
        id='field-command' class='code' rows={isShell ? 3 : 1} value={command} spellcheck={false} autocomplete='off' ref={field}
        aria-invalid={isCommandMissing || undefined} aria-describedby='help-command'
        onInput={({ currentTarget }) => dispatch({ type: 'command-entered', command: currentTarget.value })} onKeyDown={submitOnCtrlEnter}
      />
      <small id='help-command'>{isCommandMissing ? 'Enter a command.' : help}</small>
    </div>
  )
}

export function AppField ({ state: { app }, dispatch }: FieldProps) {
  return (
    <div class='field'>
      <label for='field-app'>App (optional)</label>
      <input
        id='field-app' value={app} maxLength={200} autocomplete='off' aria-describedby='help-app'
        onInput={({ currentTarget }) => dispatch({ type: 'app-entered', app: currentTarget.value })}
      />
      <small id='help-app'>For display and search only.</small>
    </div>
  )
}
