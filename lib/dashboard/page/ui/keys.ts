import { newHash } from '../routing/route.ts'
import { go, goToList, route } from '../routing/router.ts'
import { readOnly } from '../state.ts'
import { openHelp } from './help.tsx'

/** What the keys do everywhere; where something is written, they are letters. */
export function listenForKeys (): void {
  document.addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey, defaultPrevented } = event
    if (defaultPrevented || ctrlKey || metaKey || altKey || document.querySelector('dialog[open]') !== null) return
    const writes = target instanceof Element && target.matches('input:not([type=checkbox]), textarea, select') && !target.matches('.xterm-helper-textarea')
    if (key === 'Escape') {
      if (writes) (target as HTMLElement).blur()
      else if (route.value.name !== 'list') goToList()
      return
    }
    if (writes) return
    const actions: Partial<Record<string, () => void>> = {
      '?': openHelp,
      '/': () => document.querySelector<HTMLElement>('#find, #find-in-log')?.focus(),
      n: () => { if (!readOnly.value) go(newHash()) },
      ...route.value.name === 'list' && { j: focusRow, ArrowDown: focusRow }
    }
    const action = actions[key]
    if (action === undefined) return
    event.preventDefault()
    action()
  })
}

/** From elsewhere in the list's page; in the list, its own keys count. */
function focusRow (): void {
  document.querySelector<HTMLElement>('.scroller a[tabindex="0"]')?.focus()
}
