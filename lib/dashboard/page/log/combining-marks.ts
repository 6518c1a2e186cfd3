/** Number of characters without a width that one cell may contain. */
export const MAX_MARKS = 32

/** Characters that the terminal adds to the cell before them. U+06DE is one of them in the terminal's older version of Unicode. */
const MARK = /^[\p{M}\p{Cf}\u1160-\u11ff\u06de]$/u
const MARKS = new RegExp(`${MARK.source.slice(1, -1)}+`, 'gu')

/**
 * Removes combining marks after the 32nd one of a cell: the browser takes very long to draw a cell of very many.
 * @param count number of marks at the end of the text before
 * @returns the text, and the number of marks at its end
 */
export function limitMarks (text: string, count: number): { readonly text: string, readonly count: number } {
  let last = count
  let end = 0
  const limited = text.replace(MARKS, (run, index: number) => {
    const marks = [...run]
    const before = index === 0 ? count : 0
    const kept = marks.slice(0, Math.max(0, MAX_MARKS - before))
    last = before + kept.length
    end = index + run.length
    return kept.join('')
  })
  return { text: limited, count: end === text.length ? last : 0 }
}
