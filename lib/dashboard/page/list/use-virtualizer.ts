import { useLayoutEffect, useReducer, useState } from 'preact/hooks'
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer, type VirtualizerOptions } from '@tanstack/virtual-core'

type ListOptions = Pick<VirtualizerOptions<HTMLElement, HTMLElement>, 'count' | 'getScrollElement' | 'estimateSize' | 'getItemKey' | 'overscan' | 'initialOffset'>

/** TanStack Virtual for Preact, for which TanStack has no adapter. */
export function useVirtualizer (listOptions: ListOptions): Virtualizer<HTMLElement, HTMLElement> {
  const [, render] = useReducer<number, void>((count) => count + 1, 0)
  const options = { observeElementRect, observeElementOffset, scrollToFn: elementScroll, onChange: () => render(), ...listOptions }
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options))
  virtualizer.setOptions(options)
  useLayoutEffect(() => virtualizer._didMount(), [])
  useLayoutEffect(() => virtualizer._willUpdate())
  return virtualizer
}
