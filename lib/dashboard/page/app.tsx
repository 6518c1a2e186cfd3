import { Keyboard, Plus } from 'lucide-preact'
import { useEffect, useRef } from 'preact/hooks'
import { config } from './config.ts'
import { NewTaskPage } from './form/lazy-form.tsx'
import { Banners } from './health/banners.tsx'
import { ListPage } from './list/list-page.tsx'
import { listHash, newHash, type Route } from './routing/route.ts'
import { route } from './routing/router.ts'
import { feedState, health, readOnly, tasks } from './state.ts'
import { TaskDetails } from './task/task-details.tsx'
import { announcement } from './ui/announcer.ts'
import { ErrorBoundary } from './ui/error-boundary.tsx'
import { openHelp, Help } from './ui/help.tsx'

export function App () {
  return (
    <>
      <a class='skip' href='#content' onClick={skipToContent}>Skip to the content</a>
      <Header />
      <Banners />
      <Content />
      <Help />
      <p class='hidden' role='log' aria-live='polite'>{announcement}</p>
    </>
  )
}

function skipToContent (event: Event): void {
  // following the link would change the address, which selects the page
  event.preventDefault()
  document.getElementById('content')?.focus()
}

const FEED_LABELS = { connecting: 'Connecting', connected: 'Live', disconnected: 'Disconnected', rejected: 'Not connected' }

function Header () {
  const isAlive = health.value?.processorAlive
  const { type } = feedState.value
  return (
    <header class='top'>
      <a href={listHash()} class='title'>{config.value.title}</a>
      {isAlive !== undefined && <span class={`processor ${isAlive ? 'alive' : 'absent'}`}>{isAlive ? 'Processor running' : 'No processor'}</span>}
      <span class={`link ${type}`}>{FEED_LABELS[type]}</span>
      <nav aria-label='Actions'>
        {!readOnly.value && <a class='button small' href={newHash()}><Plus size={16} aria-hidden='true' /> New task</a>}
        <button type='button' class='small secondary' aria-label='Keyboard shortcuts' onClick={openHelp}><Keyboard size={16} aria-hidden='true' /> <span>Shortcuts</span></button>
      </nav>
    </header>
  )
}

function Content () {
  const current = route.value
  const content = useRef<HTMLDivElement>(null)
  const key = current.name === 'task' ? current.id : current.name
  // Screen readers continue at the focused element. The first page is read from its beginning.
  const isFirst = useRef(true)
  useEffect(() => {
    if (!isFirst.current && current.name !== 'list') content.current?.focus()
    isFirst.current = false
  }, [key])
  return (
    <div id='content' ref={content} tabIndex={-1}>
      <ErrorBoundary key={key}><Page route={current} /></ErrorBoundary>
    </div>
  )
}

function Page ({ route }: { route: Route }) {
  if (route.name === 'task') return <TaskDetails key={route.id} id={route.id} at={route.at} />
  if (route.name === 'new') return <NewTaskPage key={route.from ?? ''} from={route.from} />
  if (tasks.value !== undefined) return <ListPage />
  return <p class='starting'>{feedState.value.type === 'rejected' ? 'No tasks to show.' : 'Loading…'}</p>
}
