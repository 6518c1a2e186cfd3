import { Search } from 'lucide-preact'
import { useState } from 'preact/hooks'
import { LogMatches } from './log-matches.tsx'
import { useLogSearch } from './use-log-search.ts'

interface LogSearchBoxProps {
  readonly id: string
  readonly onChoose: (offset: number, text: string) => void
}

export function LogSearchBox ({ id, onChoose }: LogSearchBoxProps) {
  const { state, search, searchFurther } = useLogSearch(id)
  const [isOpen, setOpen] = useState(false)
  const onSubmit = (event: Event & { currentTarget: HTMLFormElement }) => {
    event.preventDefault()
    setOpen(true)
    search(String(new FormData(event.currentTarget).get('text')))
  }
  const choose = (offset: number) => {
    setOpen(false)
    onChoose(offset, state?.text ?? '')
  }
  return (
    <search class='log-search'>
      <form onSubmit={onSubmit}>
        <label>
          <span class='hidden'>Find in the complete log</span>
          <Search size={16} aria-hidden='true' />
          <input
            type='search' id='find-in-log' name='text' placeholder='Find in the log…' maxLength={200} autocomplete='off' spellcheck={false}
            onInput={({ currentTarget }) => { if (currentTarget.value === '') search('') }} onFocus={() => setOpen(true)}
          />
        </label>
      </form>
      {state !== undefined && isOpen && <LogMatches state={state} onChoose={choose} onSearchFurther={() => searchFurther(state)} />}
    </search>
  )
}
