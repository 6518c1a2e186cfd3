import { useEffect, useRef } from 'preact/hooks'
import type { TaskSummary } from '../../../client/index.ts'
import { listAnchor } from '../state.ts'
import { rowForKey } from './row-keys.ts'
import { useScrollAnchor } from './scroll-anchor.ts'
import { TaskRow } from './task-row.tsx'
import { useRowFocus } from './use-row-focus.ts'
import { useRowHeight } from './use-row-height.ts'
import { useVirtualizer } from './use-virtualizer.ts'

const COLUMNS = ['Status', 'Command', 'Type', 'App', 'Age', 'Duration']

/** A table that renders only the rows in view. Its keys move the focus from row to row. */
export function TaskRows ({ shown }: { shown: readonly TaskSummary[] }) {
  const scroller = useRef<HTMLDivElement>(null)
  const height = useRowHeight()
  const layout = { shown, height }
  const virtualizer = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => shown[index]!.id,
    overscan: 8,
    initialOffset: () => listAnchor.scrollTop(layout) ?? 0
  })
  useEffect(() => { virtualizer.measure() }, [height])
  useScrollAnchor(listAnchor, scroller, layout)
  const focus = useRowFocus(shown, (index) => virtualizer.scrollToIndex(index))

  function onKeyDown (event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 1)
    const target = rowForKey(event.key, { current: focus.currentIndex(), count: shown.length, page })
    if (target === undefined) return
    event.preventDefault()
    focus.moveTo(target)
  }

  const items = virtualizer.getVirtualItems()
  // The Tab key reaches one row; the list's keys lead from it to the others.
  const current = focus.currentIndex()
  const tabbable = items.some(({ index }) => index === current) ? current : items[0]?.index
  return (
    <div class='table' role='table' aria-label='Tasks, newest first' aria-rowcount={shown.length + 1} onKeyDown={onKeyDown}>
      <ColumnHeaders />
      <div class='scroller' role='rowgroup' ref={scroller} tabIndex={-1} onScroll={({ currentTarget }) => listAnchor.save(currentTarget.scrollTop, layout)}>
        <div role='presentation' style={{ height: `${virtualizer.getTotalSize()}px` }}>
          <div role='presentation' style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
            {items.map(({ index, key }) => (
              <TaskRow key={key} task={shown[index]!} index={index} isTabbable={index === tabbable} onFocus={(id) => focus.setCurrent(id)} />
            ))}
          </div>
        </div>
      </div>
    </div>
  )
}

function ColumnHeaders () {
  return (
    <div role='rowgroup'>
      <div role='row' class='row head' aria-rowindex={1}>
        {COLUMNS.map((name) => <span key={name} role='columnheader'>{name}</span>)}
      </div>
    </div>
  )
}
