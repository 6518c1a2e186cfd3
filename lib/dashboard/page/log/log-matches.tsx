import type { SearchState } from './use-log-search.ts'

/** In characters. Longer lines are cut off. */
const MAX_LINE_LENGTH = 300

/** Escape sequences and other control characters. */
// eslint-disable-next-line no-control-regex
const ESCAPE_SEQUENCES = /\u001b\[[\d;?]*[A-Za-z]|\u001b\][^\u0007\u001b]*(\u0007|\u001b\\)|[\u0000-\u0008\u000b-\u001f\u007f]/g

interface LogMatchesProps {
  readonly state: SearchState
  readonly onChoose: (offset: number) => void
  readonly onSearchFurther: () => void
}

export function LogMatches ({ state, onChoose, onSearchFurther }: LogMatchesProps) {
  return (
    <div class='matches'>
      <p role='status'>{summaryOf(state)}</p>
      <ol>
        {state.matches.map(({ offset, line }) => (
          <li key={offset}>
            <button type='button' class='plain' onClick={() => onChoose(offset)}>
              <span class='offset'>{offset}</span> {line.replace(ESCAPE_SEQUENCES, '').slice(0, MAX_LINE_LENGTH)}
            </button>
          </li>
        ))}
      </ol>
      {state.next !== null && <button type='button' class='small' onClick={onSearchFurther}>Earlier matches</button>}
    </div>
  )
}

function summaryOf ({ phase, matches, next, error }: SearchState): string {
  if (phase === 'failed') return error ?? ''
  if (phase === 'searching') return 'Searching…'
  return `${matches.length}${next === null ? '' : ' or more'} ${matches.length === 1 ? 'line' : 'lines'}`
}
