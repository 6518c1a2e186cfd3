import { FitAddon } from '@xterm/addon-fit'
import { ProgressAddon } from '@xterm/addon-progress'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal } from '@xterm/xterm'
import { THEMES } from './theme.ts'

export interface OpenTerminal {
  readonly terminal: Terminal
  readonly fit: FitAddon
  readonly progress: ProgressAddon
  dispose (): void
}

/**
 * Opens a terminal without input, in the colours of the system's scheme.
 * @param scrollback number of rows to keep above the view
 */
export function openTerminal (element: HTMLElement, scrollback: number): OpenTerminal {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const terminal = createTerminal(dark, scrollback)
  const addons = { fit: new FitAddon(), progress: new ProgressAddon() }
  for (const addon of Object.values(addons)) terminal.loadAddon(addon)
  terminal.loadAddon(new WebLinksAddon((event, uri) => {
    event.preventDefault()
    window.open(uri, '_blank', 'noopener,noreferrer')
  }))
  ignoreModes(terminal)
  withNonce(() => terminal.open(element))
  const updateTheme = () => { terminal.options.theme = themeFor(dark) }
  dark.addEventListener('change', updateTheme)
  return {
    terminal,
    ...addons,
    dispose () {
      dark.removeEventListener('change', updateTheme)
      terminal.dispose()
    }
  }
}

function createTerminal (dark: MediaQueryList, scrollback: number): Terminal {
  return new Terminal({
    allowProposedApi: true,
    convertEol: true,
    cursorBlink: false,
    cursorInactiveStyle: 'none',
    disableStdin: true,
    fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: 13,
    // otherwise it writes an error to the console for each malformed sequence
    logLevel: 'off',
    minimumContrastRatio: 4.5,
    scrollback,
    scrollOnUserInput: false,
    smoothScrollDuration: 0,
    theme: themeFor(dark)
  })
}

function themeFor (dark: MediaQueryList) {
  return THEMES[dark.matches ? 'dark' : 'light']
}

/** Modes for interactive terminals (alternate screen, mouse reporting, delayed drawing) that a log must not set in the viewer. */
const IGNORED_PRIVATE_MODES = [9, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1048, 1049, 2004, 2026]
/** Insertion, and whether a line feed also returns to the first column, as `convertEol` requires. */
const IGNORED_MODES = [4, 20]

function ignoreModes ({ parser }: Terminal): void {
  const includesAny = (modes: readonly number[]) => (params: ReadonlyArray<number | number[]>) => params.some((mode) => typeof mode === 'number' && modes.includes(mode))
  for (const final of ['h', 'l']) {
    parser.registerCsiHandler({ prefix: '?', final }, includesAny(IGNORED_PRIVATE_MODES))
    parser.registerCsiHandler({ final }, includesAny(IGNORED_MODES))
  }
}

/**
 * Adds the page's nonce to the style elements that are created meanwhile. xterm.js creates some and has no option for the
 * nonce that the page's policy requires.
 */
function withNonce (work: () => void): void {
  const { nonce = '' } = document.querySelector<HTMLScriptElement>('script[nonce]') ?? {}
  const create = document.createElement
  document.createElement = new Proxy(create, {
    apply (target, document, names) {
      const element = Reflect.apply(target, document, names)
      if (element instanceof HTMLStyleElement) element.nonce = nonce
      return element
    }
  })
  try {
    work()
  } finally {
    document.createElement = create
  }
}
