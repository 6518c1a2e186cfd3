import { useSignal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import type { TaskType } from '../../../client/index.ts'
import { taskHash } from '../routing/route.ts'
import { go } from '../routing/router.ts'
import { client } from '../state.ts'
import { watchTask } from '../ui/announcer.ts'
import { messageOf } from '../ui/message.ts'
import { initialFormState, reduceForm, type FormAction, type FormState, type FormTemplate } from './form-state.ts'
import { submissionOf } from './submission.ts'

export interface FormControls {
  readonly state: FormState
  dispatch (action: FormAction): void
  submit (event: Event): Promise<void>
}

/** The form's state, in a signal: a second submission sees the first one before the form renders again. */
export function useTaskForm (types: readonly TaskType[], template: FormTemplate | undefined): FormControls {
  const [initial] = useState(() => initialFormState(types, template))
  const state = useSignal(initial)
  const dispatch = (action: FormAction) => { state.value = reduceForm(state.peek(), action) }
  useEffect(() => dispatch({ type: 'types-changed', types }), [types])
  return {
    state: state.value,
    dispatch,
    async submit (event) {
      event.preventDefault()
      if (state.peek().phase === 'sending') return
      const submission = submissionOf(state.peek())
      if (submission.type === 'found-invalid') {
        dispatch(submission)
        return focusFirst(submission)
      }
      dispatch({ type: 'sent' })
      try {
        const { task } = await client.value.create(submission.task)
        dispatch({ type: 'created' })
        watchTask(task.id)
        go(taskHash(task.id))
      } catch (error) {
        dispatch({ type: 'request-failed', message: messageOf(error) })
      }
    }
  }
}

function focusFirst ({ isCommandMissing, fieldErrors }: FormAction & { type: 'found-invalid' }): void {
  const id = isCommandMissing ? 'field-command' : `config-${fieldErrors[0]?.name}`
  // after the messages are rendered, so that a screen reader reads them with the field
  requestAnimationFrame(() => document.getElementById(id)?.focus())
}
