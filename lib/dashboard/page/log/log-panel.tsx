import type { TaskSummary } from '../../../client/index.ts'
import { isActive } from '../../../shared/task-status.ts'
import { config } from '../config.ts'
import { formatBytes } from '../ui/format.ts'
import { messageOf } from '../ui/message.ts'
import { logCommands } from './log-commands.ts'
import type { Progress } from './log-screen.ts'
import { LogSearchBox } from './log-search-box.tsx'
import { LogToolbar } from './log-toolbar.tsx'
import { useLogShortcuts } from './use-log-shortcuts.ts'
import { useLogView } from './use-log-view.ts'

interface LogPanelProps {
  readonly task: TaskSummary
  /** Byte offset to show; undefined: the end of the log. */
  readonly at: number | undefined
}

export function LogPanel ({ task: { id, status }, at }: LogPanelProps) {
  const { element, view, state, hasFailed } = useLogView(id, at)
  const { size, wraps, loading, progress, error } = state
  const commands = view === undefined ? undefined : logCommands(view, id, state.follows)
  useLogShortcuts(commands)
  const href = `${config.value.api}/${id}/log`
  return (
    <section class='log' aria-label='Log'>
      <LogToolbar commands={commands} state={state} download={{ href, name: `${id}.log` }}>
        <LogSearchBox id={id} onChoose={(offset, text) => view?.showAt(offset, text)} />
        <span class='size'>{size !== undefined && formatBytes(size)}</span>
      </LogToolbar>
      {isActive(status) && <ProgressBar progress={progress} />}
      {error !== undefined && <p class='error' role='alert'>{messageOf(error)} <button type='button' class='small' onClick={() => view?.follow()}>Try again</button></p>}
      {hasFailed && <p class='error' role='alert'>The log viewer failed to load; the dashboard may have been updated. <button type='button' class='small' onClick={() => location.reload()}>Reload</button></p>}
      {size === undefined && !loading && <p class='quiet'>{isActive(status) ? 'No output yet.' : 'No output.'}</p>}
      <div class={wraps ? 'terminal' : 'terminal wide'} ref={element} aria-busy={loading} />
      <p class='quiet'><a href={href} target='_blank' rel='noreferrer'>Plain text</a>, for example for screen readers</p>
    </section>
  )
}

function ProgressBar ({ progress }: { progress: Progress }) {
  if (progress === undefined) return null
  return <progress aria-label='Progress of the command' max={100} {...(progress !== 'busy' && { value: progress })} />
}
