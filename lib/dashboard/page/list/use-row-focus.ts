import { useRef, useState } from 'preact/hooks'

export interface RowFocus {
  /** Index of the current row, which the Tab key reaches; 0 if there is none. */
  currentIndex (): number
  setCurrent (id: string): void
  /** Makes it the current row and focuses it. */
  moveTo (index: number): void
}

/**
 * The focus of a virtual list.
 * @param scrollTo makes the list render the row at an index
 */
export function useRowFocus (shown: ReadonlyArray<{ readonly id: string }>, scrollTo: (index: number) => void): RowFocus {
  // a ref, because keys may be pressed faster than the list renders
  const current = useRef<string | undefined>(undefined)
  const [, render] = useState<string | undefined>(undefined)
  const setCurrent = (id: string) => {
    current.current = id
    render(id)
  }
  return {
    currentIndex: () => Math.max(0, shown.findIndex(({ id }) => id === current.current)),
    setCurrent,
    moveTo (index) {
      const id = shown[index]?.id
      if (id === undefined) return
      setCurrent(id)
      scrollTo(index)
      const focus = () => document.getElementById(`row-${id}`)?.focus()
      focus()
      // a row that was far away is rendered by then
      requestAnimationFrame(() => { if (current.current === id) focus() })
    }
  }
}
