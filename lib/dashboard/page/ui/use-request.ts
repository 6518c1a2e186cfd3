import { useRef, useState } from 'preact/hooks'
import { messageOf } from './message.ts'

export interface UserRequest {
  /** Message of the last request if it failed. */
  readonly error: string | undefined
  /** Ignored while a request is in progress, so that repeated clicks send one request. */
  run (work: () => Promise<unknown>): Promise<void>
}

export function useRequest (): UserRequest {
  const isRunning = useRef(false)
  const [error, setError] = useState<string | undefined>(undefined)
  return {
    error,
    async run (work) {
      if (isRunning.current) return
      isRunning.current = true
      setError(undefined)
      await work().catch((reason: unknown) => setError(messageOf(reason)))
      isRunning.current = false
    }
  }
}
