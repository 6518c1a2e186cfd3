import { dirname } from 'node:path'
import { FileEvents } from '../../util/file-events.ts'

export interface WatchOptions {
  /** Polling interval in ms, for changes without a file event. */
  readonly pollIntervalMs: number
  /** Called immediately, after file events in the directory of the file, and at each poll. */
  readonly onHint: () => void
  /** Called with the code of the error if file events are not available; polling continues. */
  readonly onLost: (code: string) => void
}

/** Debounce in ms: editors save in several steps. */
const DEBOUNCE_MS = 50

/** @returns a function that stops watching */
export function watchPolicyFile (path: string, { pollIntervalMs, onHint, onLost }: WatchOptions): () => void {
  let debounce: NodeJS.Timeout | undefined
  const events = new FileEvents(() => {
    clearTimeout(debounce)
    debounce = setTimeout(onHint, DEBOUNCE_MS)
  }, onLost)
  // attached before the first hint, so that no change falls between the two
  events.attach(dirname(path))
  onHint()
  const poll = setInterval(onHint, pollIntervalMs)
  return () => {
    events.close()
    clearTimeout(debounce)
    clearInterval(poll)
  }
}
