/** Longest JSON text that is shown with indentation, in characters. */
const MAX_INDENTED_LENGTH = 100_000

/** @returns undefined if the value is undefined or nested too deeply for the browser */
export function compactJson (value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    // browsers throw different errors
    return undefined
  }
}

/**
 * JSON text of a value from JSON. It is indented unless that makes it very long, as indentation grows with the depth.
 * @returns undefined if the value is nested too deeply for the browser
 */
export function formatJson (value: unknown): string | undefined {
  const compact = compactJson(value)
  return compact === undefined || indentedLength(compact) > MAX_INDENTED_LENGTH ? compact : JSON.stringify(value, null, 2)
}

/** About the number of characters that the text has with indentation. */
function indentedLength (compact: string): number {
  let length = compact.length
  let depth = 0
  let isInString = false
  for (let at = 0; at < compact.length; at++) {
    const character = compact[at]!
    if (character === '"') isInString = !isInString
    else if (isInString && character === '\\') at++
    if (isInString || !'[{]},'.includes(character)) continue
    if (character === '[' || character === '{') depth++
    else if (character !== ',') depth--
    length += 1 + 2 * depth
  }
  return length
}
