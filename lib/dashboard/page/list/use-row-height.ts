import { useEffect, useState } from 'preact/hooks'

/** Height of a row, in px: the same as `--row` in style.css. */
const HEIGHTS = { wide: 42, narrow: 66 }

/** The height of a row at the current width of the window, in px. */
export function useRowHeight (): number {
  const [narrow] = useState(() => matchMedia('(max-width: 48rem)'))
  const [height, setHeight] = useState(heightFor(narrow))
  useEffect(() => {
    const update = () => setHeight(heightFor(narrow))
    narrow.addEventListener('change', update)
    return () => narrow.removeEventListener('change', update)
  }, [])
  return height
}

function heightFor (narrow: MediaQueryList): number {
  return narrow.matches ? HEIGHTS.narrow : HEIGHTS.wide
}
