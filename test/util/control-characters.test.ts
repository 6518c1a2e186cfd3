import t from 'tap'
import { escapeControlCharacters, replaceControlCharacters } from '../../lib/util/control-characters.ts'

const characters: Array<[name: string, character: string, escaped: string]> = [
  ['an escape character', '\u001b', '\\u001b'],
  ['a line feed', '\n', '\\u000a'],
  ['a NUL', '\0', '\\u0000'],
  ['a C1 control character', '\u009b', '\\u009b'],
  ['a right-to-left override', '\u202e', '\\u202e'],
  ['a line separator', '\u2028', '\\u2028'],
  ['a paragraph separator', '\u2029', '\\u2029'],
  ['a zero-width joiner', '\u200d', '\\u200d'],
  ['a lone surrogate', '\ud800', '\\ud800'],
  ['a character of two code units', '\u{e0001}', '\\udb40\\udc01']
]

for (const [name, character, escaped] of characters) {
  t.test(`replaceControlCharacters() replaces ${name} by U+FFFD`, async (t) => {
    t.equal(replaceControlCharacters(`a${character}b${character}`), 'a\uFFFDb\uFFFD')
  })

  t.test(`escapeControlCharacters() escapes ${name}`, async (t) => {
    t.equal(escapeControlCharacters(`a${character}b${character}`), `a${escaped}b${escaped}`)
  })
}

t.test('printable characters are kept', async (t) => {
  const text = 'Grüße, 世界 🙂 "\\" !'
  t.equal(replaceControlCharacters(text), text)
  t.equal(escapeControlCharacters(text), text)
})

t.test('JSON with escaped control characters has the same value', async (t) => {
  const value = { text: '\u2028\u202e\u{e0001}' }
  t.strictSame(JSON.parse(escapeControlCharacters(JSON.stringify(value))), value)
})
