import { ArrowDownToLine, ArrowUpToLine, Copy, Download, Link, TextWrap, WrapText } from 'lucide-preact'
import type { ComponentChildren } from 'preact'
import type { LogCommands } from './log-commands.ts'
import type { LogState } from './log-view.ts'

interface LogToolbarProps {
  /** Undefined until the viewer is loaded. */
  readonly commands: LogCommands | undefined
  readonly state: LogState
  /** Address and file name of the log. */
  readonly download: { readonly href: string, readonly name: string }
  /** More content of the toolbar. */
  readonly children: ComponentChildren
}

export function LogToolbar ({ commands, state: { follows, wraps }, download, children }: LogToolbarProps) {
  const Wrap = wraps ? WrapText : TextWrap
  return (
    <div class='tools' role='toolbar' aria-label='Log'>
      <Tool name='Follow' pressed={follows} onClick={commands?.toggleFollow}><span class='dot' aria-hidden='true' /> Follow</Tool>
      <Tool name='Start of the log' onClick={commands?.toStart}><ArrowUpToLine size={16} aria-hidden='true' /></Tool>
      <Tool name='End of the log' onClick={commands?.toEnd}><ArrowDownToLine size={16} aria-hidden='true' /></Tool>
      <Tool name='Wrap long lines' pressed={wraps} onClick={commands?.toggleWrap}><Wrap size={16} aria-hidden='true' /></Tool>
      <Tool name='Copy the selection or the loaded part' onClick={commands?.copy}><Copy size={16} aria-hidden='true' /></Tool>
      <Tool name='Copy a link to the line at the top' onClick={commands?.copyLink}><Link size={16} aria-hidden='true' /></Tool>
      <a class='tool' href={download.href} download={download.name} aria-label='Download the log' title='Download the log'><Download size={16} aria-hidden='true' /></a>
      {children}
    </div>
  )
}

interface ToolProps {
  readonly name: string
  readonly pressed?: boolean
  /** Undefined: the button is disabled. */
  readonly onClick: (() => void) | undefined
  readonly children: ComponentChildren
}

function Tool ({ name, pressed, onClick, children }: ToolProps) {
  return (
    <button
      type='button' class='tool' disabled={onClick === undefined} aria-label={name} title={name}
      {...(pressed !== undefined && { 'aria-pressed': pressed })} onClick={onClick}
    >
      {children}
    </button>
  )
}
