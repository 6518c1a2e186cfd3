import t from 'tap'
import { firstRows, fromCharacterStart, fromLineStart, lastRows, offsetOfLine, offsetOfLineBefore, piecesOf, type LogBytes } from '../../../lib/dashboard/page/log/log-bytes.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const decode = ({ offset, bytes }: LogBytes) => [offset, new TextDecoder().decode(bytes)]
const part = (text: string, offset = 0): LogBytes => ({ offset, bytes: encode(text) })

t.test('fromLineStart removes an incomplete first line', async (t) => {
  t.strictSame(decode(fromLineStart(part('rest\nline\n', 5))), [10, 'line\n'])
  t.strictSame(decode(fromLineStart(part('first\nline\n', 0))), [0, 'first\nline\n'], 'the log starts there')
  t.strictSame(decode(fromLineStart(part('one long line', 5))), [5, 'one long line'])
  t.strictSame(decode(fromLineStart(part('one long line\n', 5))), [5, 'one long line\n'], 'otherwise nothing would be left')
})

t.test('fromCharacterStart removes the rest of a character, but no invalid byte of the log\'s start', async (t) => {
  const bytes = encode('🙂ä')
  for (const start of [1, 2, 3]) t.strictSame(decode(fromCharacterStart({ offset: start, bytes: bytes.subarray(start) })), [4, 'ä'])
  t.strictSame(fromCharacterStart({ offset: 0, bytes: Uint8Array.of(0x80, 0x61) }).offset, 0)
  t.strictSame(fromCharacterStart({ offset: 9, bytes: encode('abc') }).offset, 9)
})

t.test('lastRows keeps the last complete lines that fit', async (t) => {
  t.strictSame(decode(lastRows(part('a\nb\nc\n', 3), 2, 80)), [5, 'b\nc\n'])
  t.strictSame(decode(lastRows(part('a\nb\nc', 3), 2, 80)), [5, 'b\nc'])
  t.strictSame(decode(lastRows(part(`a\n${'b'.repeat(25)}\nc\n`), 3, 10)), [28, 'c\n'], 'the line before takes three rows')
  t.strictSame(decode(lastRows(part('', 7), 2, 10)), [7, ''])
})

t.test('lastRows cuts a last line that does not fit', async (t) => {
  t.strictSame(decode(lastRows(part('x'.repeat(100), 7), 2, 10)), [87, 'x'.repeat(20)])
})

t.test('firstRows keeps the first lines that fit, or cuts the first one', async (t) => {
  t.strictSame(decode(firstRows(part('a\nb\nc\n', 3), 2, 80)), [3, 'a\nb\n'])
  t.strictSame(decode(firstRows(part('x'.repeat(100), 7), 2, 10)), [7, 'x'.repeat(20)])
})

t.test('offsetOfLine counts lines from the start', async (t) => {
  t.equal(offsetOfLine(encode('ab\n\ncd\n'), 2), 4)
  t.equal(offsetOfLine(encode('ab\n'), 2), undefined)
})

t.test('offsetOfLineBefore counts lines from the end', async (t) => {
  t.strictSame([1, 2, 3, 4].map((lines) => offsetOfLineBefore(encode('ab\n\ncd\n'), lines)), [4, 3, 0, undefined])
  t.strictSame([1, 2].map((lines) => offsetOfLineBefore(encode('ab\ncd'), lines)), [3, 0])
})

t.test('piecesOf splits a part into contiguous pieces that are not empty', async (t) => {
  for (const text of ['', 'a', '\n', 'ab\ncd\nef\n', `${'x'.repeat(50)}\n${'y'.repeat(50)}`, 'no end']) {
    const pieces = [...piecesOf(part(text, 9), 4)]
    t.equal(pieces.map(({ bytes }) => new TextDecoder().decode(bytes)).join(''), text, JSON.stringify(text))
    t.ok(pieces.every(({ offset, bytes }, index) => offset === (index === 0 ? 9 : pieces[index - 1]!.offset + pieces[index - 1]!.bytes.length) && bytes.length > 0))
  }
})
