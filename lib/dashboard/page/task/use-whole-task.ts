import { useEffect, useState } from 'preact/hooks'
import type { Task } from '../../../client/index.ts'
import { client } from '../state.ts'
import { messageOf } from '../ui/message.ts'

export interface WholeTask {
  /** `missing`: the task was deleted. */
  readonly phase: 'loading' | 'loaded' | 'missing' | 'failed'
  /** While a newer version is being loaded, the one before. */
  readonly task: Task | undefined
  readonly error: string | undefined
  retry (): void
}

const LOADING = { phase: 'loading', task: undefined, error: undefined } as const

/**
 * Loads a task with its config and custom fields, which the list does not have.
 * @param id undefined: nothing is loaded
 * @param version the task is loaded again when it changes
 */
export function useWholeTask (id: string | undefined, version?: unknown): WholeTask {
  const [state, setState] = useState<Omit<WholeTask, 'retry'>>(LOADING)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    if (id === undefined) return
    const controller = new AbortController()
    const { signal } = controller
    setState(({ task }) => ({ ...LOADING, task }))
    client.value.get(id, { signal }).then(
      (task) => setState({ phase: task === undefined ? 'missing' : 'loaded', task, error: undefined }),
      (error: unknown) => { if (!signal.aborted) setState(({ task }) => ({ phase: 'failed', task, error: messageOf(error) })) }
    )
    return () => controller.abort()
  }, [id, version, attempt])
  return { ...state, retry: () => setAttempt(attempt + 1) }
}
