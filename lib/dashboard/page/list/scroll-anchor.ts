import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

export interface RowLayout {
  readonly shown: ReadonlyArray<{ readonly id: string }>
  /** Height of a row, in px. */
  readonly height: number
}

/** The row at the top of the scrolled list. It outlives the list's page, so that the way back leads to the same row. */
export class ScrollAnchor {
  /** Undefined at the top, where new tasks scroll into view. `hidden`: how much of the row is scrolled away, in px. */
  #row: { readonly id: string, readonly hidden: number } | undefined

  /** Call it after scrolling. */
  save (scrollTop: number, { shown, height }: RowLayout): void {
    const index = Math.floor(scrollTop / height)
    const row = shown[index]
    this.#row = scrollTop <= 0 || row === undefined ? undefined : { id: row.id, hidden: scrollTop - index * height }
  }

  /** The scroll position to restore, in px; undefined without an anchor, or if its row is not shown. */
  scrollTop ({ shown, height }: RowLayout): number | undefined {
    const row = this.#row
    if (row === undefined) return undefined
    const index = shown.findIndex(({ id }) => id === row.id)
    return index === -1 ? undefined : index * height + row.hidden
  }
}

/** Keeps the row at the top in place while rows are added and removed above it. */
export function useScrollAnchor (anchor: ScrollAnchor, scroller: RefObject<HTMLElement>, { shown, height }: RowLayout): void {
  useLayoutEffect(() => {
    const top = anchor.scrollTop({ shown, height })
    if (top !== undefined && scroller.current !== null) scroller.current.scrollTop = top
  }, [shown, height])
}
