const TEXT_FIELDS = 'input:not([type=checkbox]), textarea:not(.xterm-helper-textarea), select'

/** Whether keys pressed there enter text, so that they are not shortcuts. The terminal's own text area takes no input. */
export function isTextField (target: EventTarget | null): target is HTMLElement {
  return target instanceof HTMLElement && target.matches(TEXT_FIELDS)
}

/** Whether a key press may be a shortcut: without modifiers, and with no dialog open. */
export function mayBeShortcut ({ ctrlKey, metaKey, altKey, defaultPrevented }: KeyboardEvent): boolean {
  return !defaultPrevented && !ctrlKey && !metaKey && !altKey && document.querySelector('dialog[open]') === null
}
