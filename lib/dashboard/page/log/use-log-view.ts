import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { client } from '../state.ts'
import type { LogState, LogView } from './log-view.ts'

export interface OpenLog {
  /** The element in which to show the log. */
  readonly element: RefObject<HTMLDivElement>
  /** Undefined until the viewer is loaded. */
  readonly view: LogView | undefined
  readonly state: LogState
  /** The viewer's script could not be loaded. */
  readonly hasFailed: boolean
}

const INITIAL: LogState = { size: undefined, follows: true, wraps: true, loading: true, progress: undefined, error: undefined }

/**
 * Shows a task's log, at a byte offset or at its end. The viewer is loaded at first use, because the terminal is larger
 * than the rest of the page.
 */
export function useLogView (id: string, at: number | undefined): OpenLog {
  const element = useRef<HTMLDivElement>(null)
  const [view, setView] = useState<LogView | undefined>(undefined)
  const [state, setState] = useState(INITIAL)
  const [hasFailed, setFailed] = useState(false)
  useEffect(() => {
    let isDisposed = false
    let opened: LogView | undefined
    import('./log-view.ts').then(({ LogView }) => {
      if (isDisposed) return
      opened = new LogView(element.current!, client.value, id, setState)
      setView(opened)
    }).catch(() => setFailed(true))
    return () => {
      isDisposed = true
      opened?.dispose()
    }
  }, [id])
  useEffect(() => {
    if (view === undefined) return
    if (at === undefined) view.follow()
    else view.showAt(at)
  }, [view, at])
  return { element, view, state, hasFailed }
}
