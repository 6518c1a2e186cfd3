import { signal } from '@preact/signals'
import { Modal } from './modal.tsx'

const isOpen = signal(false)

export function openHelp (): void {
  isOpen.value = true
}

const SHORTCUTS: ReadonlyArray<readonly [keys: string, action: string]> = [
  ['j, ↓ and k, ↑', 'Next and previous task'],
  ['Enter', 'Open the task'],
  ['Esc', 'Back to the list; leave a field'],
  ['/', 'Find in the list or in the log'],
  ['n', 'New task'],
  ['Home, End', 'First and last task; start and end of the log'],
  ['Page ↑, Page ↓', 'One page up or down in the list or the log'],
  ['f', 'Toggle following the log'],
  ['w', 'Toggle line wrapping'],
  ['c', 'Copy the selection or the loaded part of the log'],
  ['?', 'Show these shortcuts']
]

export function Help () {
  if (!isOpen.value) return null
  return (
    <Modal title='Keyboard shortcuts' onClose={() => { isOpen.value = false }}>
      <dl class='keys'>
        {SHORTCUTS.map(([keys, action]) => <div key={keys}><dt><kbd>{keys}</kbd></dt><dd>{action}</dd></div>)}
      </dl>
    </Modal>
  )
}
