import { useEffect, useRef, useState } from 'preact/hooks'
import type { SearchResult } from '../../../client/index.ts'
import { client } from '../state.ts'
import { messageOf } from '../ui/message.ts'

export interface SearchState {
  readonly phase: 'searching' | 'done' | 'failed'
  readonly text: string
  /** Last match first. */
  readonly matches: SearchResult['matches']
  /** Offset from which to search further; null if the complete log was searched. */
  readonly next: number | null
  readonly error?: string
}

export interface LogSearch {
  /** Undefined before the first search, and after the search was cleared. */
  readonly state: SearchState | undefined
  /** Replaces the search in progress. An empty text clears the result. */
  search (text: string): Promise<void>
  /** Searches the part before the matches found so far. */
  searchFurther (previous: SearchState): Promise<void>
}

/** Searches the complete log on the server. */
export function useLogSearch (id: string): LogSearch {
  const [state, setState] = useState<SearchState | undefined>(undefined)
  const running = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  async function run (text: string, matches: SearchResult['matches'], before: number | undefined): Promise<void> {
    running.current?.abort()
    const { signal } = running.current = new AbortController()
    if (text === '') return setState(undefined)
    setState({ phase: 'searching', text, matches, next: null })
    try {
      const result = await searchForMatch(id, text, before, signal)
      setState({ phase: 'done', text, matches: [...matches, ...result.matches], next: result.next })
    } catch (error) {
      if (!signal.aborted) setState({ phase: 'failed', text, matches, next: null, error: messageOf(error) })
    }
  }

  return {
    state,
    search: (text) => run(text, [], undefined),
    searchFurther: ({ text, matches, next }) => run(text, matches, next ?? undefined)
  }
}

/** In a large log, several requests may be needed until one finds a match. */
async function searchForMatch (id: string, text: string, before: number | undefined, signal: AbortSignal): Promise<SearchResult> {
  for (;;) {
    const result = await client.value.searchLog(id, text, { before, signal })
    if (result.matches.length > 0 || result.next === null) return result
    before = result.next
  }
}
