import { FitAddon } from '@xterm/addon-fit'
import { ProgressAddon } from '@xterm/addon-progress'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal, type ITheme } from '@xterm/xterm'

const dark = matchMedia('(prefers-color-scheme: dark)')

/** Of GitHub's two schemes, made for these grounds. */
const THEMES: Record<'dark' | 'light', ITheme> = {
  dark: {
    background: '#0d1117',
    foreground: '#e6edf3',
    cursor: '#0d1117',
    selectionBackground: '#3b5070',
    black: '#484f58',
    red: '#ff7b72',
    green: '#3fb950',
    yellow: '#d29922',
    blue: '#58a6ff',
    magenta: '#bc8cff',
    cyan: '#39c5cf',
    white: '#b1bac4',
    brightBlack: '#6e7681',
    brightRed: '#ffa198',
    brightGreen: '#56d364',
    brightYellow: '#e3b341',
    brightBlue: '#79c0ff',
    brightMagenta: '#d2a8ff',
    brightCyan: '#56d4dd',
    brightWhite: '#ffffff'
  },
  light: {
    background: '#ffffff',
    foreground: '#1f2328',
    cursor: '#ffffff',
    selectionBackground: '#b6d7ff',
    black: '#24292f',
    red: '#cf222e',
    green: '#116329',
    yellow: '#7d4e00',
    blue: '#0969da',
    magenta: '#8250df',
    cyan: '#1b7c83',
    white: '#6e7781',
    brightBlack: '#57606a',
    brightRed: '#a40e26',
    brightGreen: '#1a7f37',
    brightYellow: '#633c01',
    brightBlue: '#218bff',
    brightMagenta: '#a475f9',
    brightCyan: '#3192aa',
    brightWhite: '#8c959f'
  }
}

export interface OpenTerminal {
  readonly terminal: Terminal
  readonly fit: FitAddon
  readonly progress: ProgressAddon
  dispose (): void
}

/** A terminal that shows, and takes no input. */
export function openTerminal (element: HTMLElement, scrollback: number): OpenTerminal {
  const terminal = new Terminal({
    allowProposedApi: true,
    convertEol: true,
    cursorBlink: false,
    cursorInactiveStyle: 'none',
    disableStdin: true,
    fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: 13,
    minimumContrastRatio: 4.5,
    scrollback,
    scrollOnUserInput: false,
    smoothScrollDuration: 0,
    theme: THEMES[dark.matches ? 'dark' : 'light']
  })
  const addons = { fit: new FitAddon(), progress: new ProgressAddon() }
  for (const addon of Object.values(addons)) terminal.loadAddon(addon)
  terminal.loadAddon(new WebLinksAddon((event, uri) => {
    event.preventDefault()
    window.open(uri, '_blank', 'noopener,noreferrer')
  }))
  ignoreModes(terminal)
  const restore = withNonce()
  terminal.open(element)
  restore()
  const recolour = () => { terminal.options.theme = THEMES[dark.matches ? 'dark' : 'light'] }
  dark.addEventListener('change', recolour)
  return {
    terminal,
    ...addons,
    dispose () {
      dark.removeEventListener('change', recolour)
      terminal.dispose()
    }
  }
}

/** Modes for interactive terminals (alternate screen, mouse reporting) that a log must not trigger in the viewer. */
const IGNORED = [9, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1048, 1049, 2004]
/** Whether a line feed begins a line: here it always does. */
const LINE_FEED_MODE = 20

function ignoreModes ({ parser }: Terminal): void {
  const holds = (modes: readonly number[]) => (params: ReadonlyArray<number | number[]>) => params.some((mode) => typeof mode === 'number' && modes.includes(mode))
  for (const final of ['h', 'l']) {
    parser.registerCsiHandler({ prefix: '?', final }, holds(IGNORED))
    parser.registerCsiHandler({ final }, holds([LINE_FEED_MODE]))
  }
}

/**
 * xterm.js makes style elements, which the page's policy allows only with its nonce, and has no option for that.
 * @returns ends it
 */
function withNonce (): () => void {
  const { nonce = '' } = document.querySelector<HTMLScriptElement>('script[nonce]') ?? {}
  const create = document.createElement
  document.createElement = function (this: Document, name: string, options?: ElementCreationOptions) {
    const element = create.call(this, name, options)
    if (name === 'style') element.nonce = nonce
    return element
  } as typeof create
  return () => { document.createElement = create }
}
