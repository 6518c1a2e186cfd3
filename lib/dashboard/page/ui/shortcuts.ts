import { newHash } from '../routing/route.ts'
import { go, goToList, route } from '../routing/router.ts'
import { readOnly } from '../state.ts'
import { openHelp } from './help.tsx'
import { isTextField, mayBeShortcut } from './key-events.ts'

/** Adds the shortcuts that work on every page. */
export function listenForShortcuts (): void {
  document.addEventListener('keydown', (event) => {
    if (!mayBeShortcut(event)) return
    const { key, target } = event
    if (key === 'Escape') {
      if (isTextField(target)) target.blur()
      else if (route.value.name !== 'list') goToList()
      return
    }
    if (isTextField(target)) return
    const actions: Partial<Record<string, () => void>> = {
      '?': openHelp,
      '/': () => document.querySelector<HTMLElement>('#find, #find-in-log')?.focus(),
      n: () => { if (!readOnly.value) go(newHash()) },
      ...route.value.name === 'list' && { j: focusList, ArrowDown: focusList }
    }
    const action = actions[key]
    if (action === undefined) return
    event.preventDefault()
    action()
  })
}

/** Moves the focus into the list, which then handles the keys. */
function focusList (): void {
  document.querySelector<HTMLElement>('.scroller a[tabindex="0"]')?.focus()
}
