/** A string; an opening bracket, with the closing one if there is nothing between them; a closing bracket; a separator. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[{][\]}]?|[\]}]|[,:]/g

/** Indents a JSON text without white space, like `JSON.stringify` with two spaces. Numbers and the order of members stay. */
export function indentJson (text: string): string {
  let newLine = '\n'
  return text.replace(TOKEN, (token) => {
    switch (token) {
      case '{': case '[':
        newLine += '  '
        return token + newLine
      case '}': case ']':
        newLine = newLine.slice(0, -2)
        return newLine + token
      case ',': return token + newLine
      case ':': return ': '
      default: return token
    }
  })
}
