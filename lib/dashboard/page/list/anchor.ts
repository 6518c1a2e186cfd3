import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** The row at the top of a list that is scrolled, and how much of it is scrolled away, in px. */
interface Anchor {
  readonly id: string
  readonly hidden: number
}

/** Scroll position to restore. Undefined at the top, where new tasks scroll into view. */
let anchor: Anchor | undefined

interface Rows {
  readonly shown: ReadonlyArray<{ readonly id: string }>
  /** Of a row, in px. */
  readonly height: number
}

/** To be called when somebody has scrolled. */
export function dropAnchor (top: number, { shown, height }: Rows): void {
  const index = Math.floor(top / height)
  const row = shown[index]
  anchor = top <= 0 || row === undefined ? undefined : { id: row.id, hidden: top - index * height }
}

/** How far the list is to be scrolled, in px; undefined where that row is gone, or there is none. */
export function anchoredTop ({ shown, height }: Rows): number | undefined {
  const index = anchor === undefined ? -1 : shown.findIndex(({ id }) => id === anchor!.id)
  return index === -1 ? undefined : index * height + anchor!.hidden
}

/** Keeps the row at the top where it is, whatever comes or goes above it. */
export function useAnchor (scroller: RefObject<HTMLElement>, { shown, height }: Rows): void {
  useLayoutEffect(() => {
    const top = anchoredTop({ shown, height })
    if (top !== undefined && scroller.current !== null) scroller.current.scrollTop = top
  }, [shown, height])
}
