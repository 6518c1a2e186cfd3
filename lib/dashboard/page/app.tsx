import { Keyboard, Plus } from 'lucide-preact'
import { useEffect, useRef } from 'preact/hooks'
import { TITLE } from './config.ts'
import { NewTaskPage } from './form/lazy.tsx'
import { Banners } from './health/banners.tsx'
import { TaskList } from './list/task-list.tsx'
import { listHash, newHash } from './routing/route.ts'
import { route } from './routing/router.ts'
import { connection, health, readOnly, tasks } from './state.ts'
import { TaskPage } from './task/task-page.tsx'
import { announcement } from './ui/announcer.ts'
import { ErrorBoundary } from './ui/error-boundary.tsx'
import { openHelp, Help } from './ui/help.tsx'

export function App () {
  return (
    <>
      <a class='skip' href='#content' onClick={skip}>Skip to the content</a>
      <Header />
      <Banners />
      <Content />
      <Help />
      <p class='hidden' role='log' aria-live='polite'>{announcement}</p>
    </>
  )
}

function skip (event: Event): void {
  // the address is the page's place
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function Header () {
  const { value: asked } = health
  const alive = asked?.processorAlive
  return (
    <header class='top'>
      <a href={listHash()} class='title'>{TITLE}</a>
      {alive !== undefined && <span class={`processor ${alive ? 'alive' : 'absent'}`}>{alive ? 'processor runs' : 'no processor'}</span>}
      <span class={`link ${connection.value.type}`}>{connection.value.type === 'connected' ? 'live' : connection.value.type}</span>
      <nav aria-label='Actions'>
        {!readOnly.value && <a class='button small' href={newHash()}><Plus size={16} aria-hidden='true' /> New task</a>}
        <button type='button' class='small secondary' onClick={openHelp}><Keyboard size={16} aria-hidden='true' /> <span>Keys</span></button>
      </nav>
    </header>
  )
}

function Content () {
  const { value } = route
  const content = useRef<HTMLDivElement>(null)
  const place = value.name === 'task' ? value.id : value.name
  // a reader of the page begins where it changed; at first, where it begins itself
  const first = useRef(true)
  useEffect(() => {
    if (!first.current && value.name !== 'list') content.current?.focus()
    first.current = false
  }, [place])
  return (
    <div id='content' ref={content} tabIndex={-1}>
      <ErrorBoundary key={place}>
        {value.name === 'task' && <TaskPage key={value.id} id={value.id} at={value.at} />}
        {value.name === 'new' && <NewTaskPage key={value.from ?? ''} from={value.from} />}
        {value.name === 'list' && (tasks.value === undefined ? <p class='starting'>{connection.value.type === 'refused' ? 'No tasks to show.' : 'Loading…'}</p> : <TaskList />)}
      </ErrorBoundary>
    </div>
  )
}
