import { Modal } from './modal.tsx'
import { signal } from '@preact/signals'

const open = signal(false)

export function openHelp (): void {
  open.value = true
}

const KEYS: ReadonlyArray<readonly [string, string]> = [
  ['j, ↓ and k, ↑', 'next and previous task'],
  ['Enter', 'open the task'],
  ['Esc', 'back to the list; leave a field'],
  ['/', 'find: in the list, or in the log'],
  ['n', 'new task'],
  ['Home, End', 'first and last task; beginning and end of the log'],
  ['Page ↑, Page ↓', 'a page further in the list or the log'],
  ['f', 'toggle following the log'],
  ['w', 'toggle line wrapping'],
  ['c', 'copy the selection, or what is loaded of the log'],
  ['?', 'this sheet']
]

export function Help () {
  if (!open.value) return null
  return (
    <Modal title='Keys' onClose={() => { open.value = false }}>
      <dl class='keys'>
        {KEYS.map(([keys, what]) => <div key={keys}><dt><kbd>{keys}</kbd></dt><dd>{what}</dd></div>)}
      </dl>
    </Modal>
  )
}
