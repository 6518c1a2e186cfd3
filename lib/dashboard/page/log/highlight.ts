import type { Terminal } from '@xterm/xterm'

/**
 * Highlights the first occurrence of a text in a line, ignoring case.
 * @param row first row of the line
 * @returns the row of the text, or `row` if the line does not contain it
 */
export function highlight (terminal: Terminal, row: number, text: string): number {
  const { cols, buffer: { active } } = terminal
  let line = active.getLine(row)?.translateToString() ?? ''
  for (let next = row + 1; active.getLine(next)?.isWrapped === true; next++) line += active.getLine(next)!.translateToString()
  const index = line.toLowerCase().indexOf(text.toLowerCase())
  if (index === -1) return row
  const found = row + Math.floor(index / cols)
  const x = index % cols
  const marker = terminal.registerMarker(found - active.baseY - active.cursorY)
  terminal.registerDecoration({ marker, x, width: Math.min(text.length, cols - x), backgroundColor: '#f2cc60', foregroundColor: '#1f2328', layer: 'top' })
  return found
}
