/** Characters that could control a terminal, break a line or change the direction of text. */
const CONTROL_CHARACTERS = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Replaces each control character by U+FFFD. */
export function replaceControlCharacters (text: string): string {
  return text.replace(CONTROL_CHARACTERS, '\uFFFD')
}

/** Writes each control character as JSON escapes it (`\u001b`). */
export function escapeControlCharacters (text: string): string {
  return text.replace(CONTROL_CHARACTERS, (character) => {
    let escaped = ''
    for (let index = 0; index < character.length; index++) escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
    return escaped
  })
}
