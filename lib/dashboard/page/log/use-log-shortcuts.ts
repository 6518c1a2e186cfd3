import { useEffect } from 'preact/hooks'
import { isTextField, mayBeShortcut } from '../ui/key-events.ts'
import type { LogCommands } from './log-commands.ts'

export function useLogShortcuts (commands: LogCommands | undefined): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (commands === undefined || !mayBeShortcut(event) || isTextField(event.target)) return
      const action = actionFor(event.key, commands)
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  })
}

function actionFor (key: string, commands: LogCommands): (() => void) | undefined {
  const actions: Partial<Record<string, () => void>> = {
    f: commands.toggleFollow,
    w: commands.toggleWrap,
    c: commands.copy,
    Home: commands.toStart,
    End: commands.toEnd,
    PageUp: () => commands.scrollPages(-1),
    PageDown: () => commands.scrollPages(1)
  }
  return actions[key]
}
