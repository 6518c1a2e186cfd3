import type { Terminal } from '@xterm/xterm'

const MAX_FRAMES = 5

/**
 * Scrolls to a row, or to the last one. xterm.js updates its scroll bar in the next frame and scrolls elsewhere until then,
 * so this repeats until the terminal stays there.
 */
export async function scrollToRow (terminal: Terminal, row: number, signal: AbortSignal): Promise<void> {
  for (let frames = 0; frames < MAX_FRAMES; frames++) {
    await nextFrame()
    signal.throwIfAborted()
    const { baseY, viewportY } = terminal.buffer.active
    if (viewportY === Math.min(row, baseY) && frames > 1) return
    terminal.scrollToLine(Math.min(row, baseY))
  }
}

/** Hidden pages have no frames; the timer replaces them. */
function nextFrame (): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100)
    requestAnimationFrame(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
