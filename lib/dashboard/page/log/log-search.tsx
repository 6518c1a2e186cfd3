import { Search } from 'lucide-preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { SearchResult } from '../../../client/index.ts'
import { client } from '../state.ts'
import { messageOf } from '../ui/message.ts'

interface Found {
  readonly text: string
  readonly matches: SearchResult['matches']
  /** Where to go on; null: all of the log was searched. */
  readonly next: number | null
  readonly busy: boolean
  readonly problem?: string
}

/** Searches all of the log, by the server; the last match comes first. */
export function LogSearch ({ id, onChoose }: { id: string, onChoose: (offset: number, text: string) => void }) {
  const [found, setFound] = useState<Found | undefined>(undefined)
  const [open, setOpen] = useState(false)
  const running = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  async function search (text: string, before?: Found): Promise<void> {
    setOpen(true)
    running.current?.abort()
    const { signal } = running.current = new AbortController()
    if (text === '') return setFound(undefined)
    const matches = before?.matches ?? []
    setFound({ text, matches, next: null, busy: true })
    try {
      let result: SearchResult | undefined
      // without a match, a large log takes several answers
      do {
        result = await client.searchLog(id, text, { before: result?.next ?? before?.next ?? undefined, signal })
      } while (result.matches.length === 0 && result.next !== null)
      setFound({ text, matches: [...matches, ...result.matches], next: result.next, busy: false })
    } catch (error) {
      if (!signal.aborted) setFound({ text, matches, next: null, busy: false, problem: messageOf(error) })
    }
  }

  return (
    <search class='log-search'>
      <form onSubmit={(event) => {
        event.preventDefault()
        search(new FormData(event.currentTarget).get('text') as string)
      }}
      >
        <label>
          <span class='hidden'>Find in the whole log</span>
          <Search size={16} aria-hidden='true' />
          <input
            type='search' id='find-in-log' name='text' placeholder='Find in the log…' maxLength={200} autocomplete='off' spellcheck={false}
            onInput={({ currentTarget }) => { if (currentTarget.value === '') search('') }} onFocus={() => setOpen(true)}
          />
        </label>
      </form>
      {found !== undefined && open && (
        <div class='matches'>
          <p role='status'>
            {found.problem ?? (found.busy ? 'Searching…' : `${found.matches.length}${found.next === null ? '' : ' or more'} ${found.matches.length === 1 ? 'line' : 'lines'}`)}
          </p>
          <ol>
            {found.matches.map(({ offset, line }) => (
              <li key={offset}>
                <button
                  type='button' class='plain' onClick={() => {
                    setOpen(false)
                    onChoose(offset, found.text)
                  }}
                ><span class='offset'>{offset}</span> {line.replace(CODES, '').slice(0, 300)}
                </button>
              </li>
            ))}
          </ol>
          {found.next !== null && <button type='button' class='small' onClick={() => search(found.text, found)}>Earlier ones</button>}
        </div>
      )}
    </search>
  )
}

/** Colours and the like, and other control characters. */
// eslint-disable-next-line no-control-regex
const CODES = /\u001b\[[\d;?]*[A-Za-z]|\u001b\][^\u0007\u001b]*(\u0007|\u001b\\)|[\u0000-\u0008\u000b-\u001f\u007f]/g
