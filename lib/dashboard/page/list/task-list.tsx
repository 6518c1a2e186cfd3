import { useEffect, useRef, useState } from 'preact/hooks'
import type { Task } from '../../../client/index.ts'
import { go } from '../routing/router.ts'
import { newHash, taskHash } from '../routing/route.ts'
import { now, readOnly, shownTasks, tasks } from '../state.ts'
import { creationTime } from '../../../shared/task-order.ts'
import { formatAge, formatDuration, ranMs } from '../ui/time.ts'
import { textOf } from '../ui/text.ts'
import { anchoredTop, dropAnchor, useAnchor } from './anchor.ts'
import { Filters } from './filters.tsx'
import { Status } from './status.tsx'
import { useVirtualizer } from './use-virtualizer.ts'

/** Of one row, in px; in the style sheet, too. */
const HEIGHTS = { wide: 42, narrow: 66 }
const narrow = matchMedia('(max-width: 48rem)')

export function TaskList () {
  return (
    <main class='list'>
      <h1 class='hidden'>Tasks</h1>
      <Filters />
      <Rows />
    </main>
  )
}

function Rows () {
  const shown = shownTasks.value
  const scroller = useRef<HTMLDivElement>(null)
  // keys come faster than the list is drawn
  const current = useRef<string | undefined>(undefined)
  const [, draw] = useState<string | undefined>(undefined)
  const setCurrent = (id: string) => {
    current.current = id
    draw(id)
  }
  const height = useRowHeight()
  const virtualizer = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => shown[index]!.id,
    overscan: 8,
    initialOffset: () => anchoredTop({ shown, height }) ?? 0
  })
  useEffect(() => { virtualizer.measure() }, [height])
  useAnchor(scroller, { shown, height })
  const place = () => Math.max(0, shown.findIndex(({ id }) => id === current.current))

  function move (to: number): void {
    const index = Math.min(shown.length - 1, Math.max(0, to))
    const id = shown[index]?.id
    if (id === undefined) return
    setCurrent(id)
    virtualizer.scrollToIndex(index)
    const focus = () => document.getElementById(`row-${id}`)?.focus()
    focus()
    // one that was far away is there then
    requestAnimationFrame(() => { if (current.current === id) focus() })
  }

  function onKeyDown (event: KeyboardEvent): void {
    const at = place()
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 1)
    const target: Partial<Record<string, number>> = {
      ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1
    }
    const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : target[event.key]
    if (to === undefined) return
    event.preventDefault()
    move(to)
  }

  if (tasks.value !== undefined && shown.length === 0) return <Nothing />
  const items = virtualizer.getVirtualItems()
  // one row can be reached by Tab, and the others from it
  const at = place()
  const reachable = items.some(({ index }) => index === at) ? at : items[0]?.index
  return (
    <div class='table' role='table' aria-label='Tasks, newest first' aria-rowcount={shown.length + 1} onKeyDown={onKeyDown}>
      <div role='rowgroup'>
        <div role='row' class='row head' aria-rowindex={1}>
          {['Status', 'Command', 'Type', 'App', 'Age', 'Took'].map((name) => <span key={name} role='columnheader'>{name}</span>)}
        </div>
      </div>
      <div class='scroller' role='rowgroup' ref={scroller} tabIndex={-1} onScroll={({ currentTarget }) => dropAnchor(currentTarget.scrollTop, { shown, height })}>
        <div role='presentation' style={{ height: `${virtualizer.getTotalSize()}px` }}>
          <div role='presentation' style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
            {items.map(({ index, key }) => (
              <Row key={key} task={shown[index]!} index={index} reachable={index === reachable} onFocus={setCurrent} />
            ))}
          </div>
        </div>
      </div>
    </div>
  )
}

interface RowProps {
  readonly task: Task
  readonly index: number
  readonly reachable: boolean
  readonly onFocus: (id: string) => void
}

function Row ({ task, index, reachable, onFocus }: RowProps) {
  const { id, command, type, app, status } = task
  const ran = ranMs(task, now.value)
  return (
    <div class='row' role='row' aria-rowindex={index + 2} onClick={({ defaultPrevented }) => { if (!defaultPrevented && !getSelection()?.toString()) go(taskHash(id)) }}>
      <span role='cell'><Status status={status} /></span>
      <span role='cell' class='command'>
        <a id={`row-${id}`} href={taskHash(id)} tabIndex={reachable ? 0 : -1} onFocus={() => onFocus(id)}>{textOf(command) || id}</a>
      </span>
      <span role='cell' class='type'>{textOf(type)}</span>
      <span role='cell' class='app'>{textOf(app)}</span>
      <span role='cell' class='age'><time dateTime={textOf(task.createdAt)} title={new Date(creationTime(task)).toLocaleString()}>{formatAge(now.value - creationTime(task))}</time></span>
      <span role='cell' class='took'>{ran === undefined ? '' : formatDuration(ran)}</span>
    </div>
  )
}

function Nothing () {
  if (tasks.value!.length > 0) return <p class='nothing'>No matching tasks. Try another status or fewer words.</p>
  return (
    <div class='nothing'>
      <p>No tasks yet.</p>
      {!readOnly.value && <p><a class='button' href={newHash()}>New task</a></p>}
      <p>Create tasks with <code>POST</code> or by adding a file to the directory.</p>
    </div>
  )
}

function useRowHeight (): number {
  const [height, setHeight] = useState(narrow.matches ? HEIGHTS.narrow : HEIGHTS.wide)
  useEffect(() => {
    const look = () => setHeight(narrow.matches ? HEIGHTS.narrow : HEIGHTS.wide)
    narrow.addEventListener('change', look)
    return () => narrow.removeEventListener('change', look)
  }, [])
  return height
}
