import { ArrowDownToLine, ArrowUpToLine, Copy, Download, Link, TextWrap, WrapText } from 'lucide-preact'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Task } from '../../../client/index.ts'
import { API } from '../config.ts'
import { taskHash } from '../routing/route.ts'
import { client } from '../state.ts'
import { announce } from '../ui/announcer.ts'
import { copyText } from '../ui/clipboard.ts'
import { messageOf } from '../ui/message.ts'
import { formatBytes } from '../ui/time.ts'
import { isActive } from '../../../shared/task-status.ts'
import type { LogState, LogView } from './log-view.ts'
import { LogSearch } from './log-search.tsx'

export function LogPanel ({ task, at }: { task: Task, at: number | undefined }) {
  const element = useRef<HTMLDivElement>(null)
  const [view, setView] = useState<LogView | undefined>(undefined)
  const [state, setState] = useState<LogState | undefined>(undefined)
  const [failed, setFailed] = useState<unknown>(undefined)
  const { id } = task

  useEffect(() => {
    let left = false
    let opened: LogView | undefined
    // the terminal is larger than all the rest of the page
    import('./log-view.ts').then(({ LogView }) => {
      if (left) return
      opened = new LogView(element.current!, client, id, setState)
      setView(opened)
    }).catch(setFailed)
    return () => {
      left = true
      opened?.dispose()
    }
  }, [id])
  useEffect(() => {
    if (view === undefined) return
    if (at === undefined) view.follow()
    else view.showAt(at)
  }, [view, at])

  const { size, follows = true, wraps = true, loading = true, progress, problem } = state ?? {}
  const attempt = (work: () => Promise<string>) => work().then(announce, (error: unknown) => announce(messageOf(error)))
  const copy = () => attempt(async () => {
    await copyText(view!.text())
    return 'Copied.'
  })
  const link = () => attempt(async () => {
    const offset = await view!.offsetAtTop()
    const hash = taskHash(id, offset)
    history.replaceState(null, '', hash)
    await copyText(new URL(hash, location.href).href)
    return `Copied a link to byte ${offset}.`
  })
  useKeys(view, state, copy)
  return (
    <section class='log' aria-label='Log'>
      <div class='tools' role='toolbar' aria-label='Log'>
        <Tool disabled={view === undefined} name='Follow' pressed={follows} onClick={() => follows ? view?.stay() : view?.follow()}><span class='dot' aria-hidden='true' /> Follow</Tool>
        <Tool disabled={view === undefined} name='Beginning of the log' onClick={() => view?.showAt(0)}><ArrowUpToLine size={16} aria-hidden='true' /></Tool>
        <Tool disabled={view === undefined} name='End of the log' onClick={() => view?.follow()}><ArrowDownToLine size={16} aria-hidden='true' /></Tool>
        <Tool disabled={view === undefined} name='Wrap long lines' pressed={wraps} onClick={() => view?.toggleWrap()}>{wraps ? <WrapText size={16} aria-hidden='true' /> : <TextWrap size={16} aria-hidden='true' />}</Tool>
        <Tool disabled={view === undefined} name='Copy the selection, or all that is loaded' onClick={copy}><Copy size={16} aria-hidden='true' /></Tool>
        <Tool disabled={view === undefined} name='Link to the line at the top' onClick={link}><Link size={16} aria-hidden='true' /></Tool>
        <a class='tool' href={`${API}/${id}/log`} download={`${id}.log`} aria-label='Download the log' title='Download the log'><Download size={16} aria-hidden='true' /></a>
        <LogSearch id={id} onChoose={(offset, text) => view?.showAt(offset, text)} />
        <span class='size'>{size !== undefined && formatBytes(size)}</span>
      </div>
      {progress !== undefined && isActive(task.status) && <progress aria-label='Progress of the command' max={100} {...(progress !== 'busy' && { value: progress })} />}
      {problem !== undefined && <p class='error' role='alert'>{messageOf(problem)} <button type='button' class='small' onClick={() => view?.follow()}>Try again</button></p>}
      {failed !== undefined && <p class='error' role='alert'>The log viewer failed to load; the dashboard may have been updated. <button type='button' class='small' onClick={() => location.reload()}>Reload</button></p>}
      {size === undefined && !loading && <p class='quiet'>{isActive(task.status) ? 'No output yet.' : 'No output.'}</p>}
      <div class={wraps ? 'terminal' : 'terminal wide'} ref={element} aria-busy={loading} />
      <p class='quiet'><a href={`${API}/${id}/log`} target='_blank' rel='noreferrer'>Plain text</a>, also for screen readers</p>
    </section>
  )
}

interface ToolProps {
  readonly name: string
  readonly pressed?: boolean
  readonly disabled: boolean
  readonly onClick: () => void
  readonly children: ComponentChildren
}

function Tool ({ name, pressed, disabled, onClick, children }: ToolProps) {
  return <button type='button' class='tool' disabled={disabled} aria-label={name} title={name} {...(pressed !== undefined && { 'aria-pressed': pressed })} onClick={onClick}>{children}</button>
}

function useKeys (view: LogView | undefined, state: LogState | undefined, copy: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { key, target, ctrlKey, metaKey, altKey } = event
      const writes = target instanceof Element && target.matches('input, textarea:not(.xterm-helper-textarea), select')
      if (writes || ctrlKey || metaKey || altKey || document.querySelector('dialog[open]') !== null) return
      const actions: Partial<Record<string, () => void>> = {
        f: () => state?.follows === true ? view?.stay() : view?.follow(),
        w: () => view?.toggleWrap(),
        c: () => { if (view !== undefined) copy() },
        Home: () => view?.showAt(0),
        End: () => view?.follow(),
        PageUp: () => view?.scrollPages(-1),
        PageDown: () => view?.scrollPages(1)
      }
      const action = actions[key]
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  })
}
