import t from 'tap'
import { MAX_MARKS } from '../../../lib/dashboard/page/log/combining-marks.ts'
import { SequenceFilter } from '../../../lib/dashboard/page/log/sequence-filter.ts'

const SIZE = { columns: 80, rows: 24 }
const HUGE = '2147483647'
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => String.fromCharCode(from + n))
const FINALS = range(0x40, 0x7e)
const INTERMEDIATES = ['', ...range(0x20, 0x2f), ' "']
const PREFIXES = ['', '?', '>', '<', '=']

function filter (...chunks: ReadonlyArray<string | Uint8Array>): string {
  return pieces(...chunks).join('')
}

function pieces (...chunks: ReadonlyArray<string | Uint8Array>): string[] {
  const sequences = new SequenceFilter(() => SIZE)
  return chunks.flatMap((chunk) => sequences.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk))
}

t.test('text, colours, cursor movements, links and progress are not changed', async (t) => {
  for (const text of [
    'plain text\r\n\ttab\b\u0007', 'Größe: 5 µm → ok 🙂 進捗 e\u0301', 'a\ufeffb', '\u001b[31mred\u001b[0m', '\u001b[38;2;255;128;3mtrue\u001b[48;5;200m', '\u001b[4:3m\u001b[58:2::255:0:0m',
    '\u001b[2K\u001b[1A\u001b[10;20H\u001b[80G', '\u001b[?25l\u001b[?2004h\u001b[?1049h', '\u001b7\u001b8\u001b(B\u001b#8', '\u001b]8;id=1;https://example.org/\u0007link\u001b]8;;\u0007', '\u001b]9;4;1;30\u0007',
    '\u001b[2J\u001b[H', '\u001b[m\u001b[;H', '\u001b[ @', '\u001b[!p', '\u001b[>c'
  ]) t.equal(filter(text), text, JSON.stringify(text))
})

t.test('the numbers of every control sequence are limited to the size of the screen, except names of modes and colours', async (t) => {
  for (const introducer of ['\u001b[', '\u009b']) {
    for (const prefix of PREFIXES) {
      for (const intermediate of INTERMEDIATES) {
        for (const final of FINALS) {
          const shown = filter(`${introducer}${prefix}${HUGE};1;000${HUGE}:99${intermediate}${final}`)
          const limit = 'ABEFLMSTde'.includes(final) && intermediate === '' ? SIZE.rows : SIZE.columns
          const expected = 'hlm'.includes(final) ? `${HUGE};1;000${HUGE}:99` : `${limit};1;${limit}:${limit}`
          if (shown !== `\u001b[${prefix}${expected}${intermediate}${final}`) t.fail(JSON.stringify(shown))
        }
      }
    }
  }
})

t.test('a piece has at most 4096 characters', async (t) => {
  const text = '🙂\n'.repeat(10_000)
  const split = pieces('x', text)
  t.equal(split.join(''), `x${text}`)
  t.equal(Math.max(...split.map(({ length }) => length)), 4096)
})

t.test('a piece contains at most 16 sequences that may change the whole screen', async (t) => {
  const cheap = 'ABCDEFGHKadefhlmsu`'
  for (const final of FINALS) {
    t.equal(pieces(`\u001b[9${final}`.repeat(100)).length, cheap.includes(final) ? 1 : 7, final)
    t.equal(pieces(`\u001b[9'${final}`.repeat(100)).length, 7, `' ${final}`)
  }
  t.equal(pieces('\u001b#8'.repeat(100)).length, 7)
})

t.test('a sequence may be split anywhere, also within a character', async (t) => {
  const text = `ä${'\u009b'}${HUGE}Sé\u001b[${HUGE};1 @\u001b]8;;https://example.org/ü\u001b\\進🙂\u001bPignored\u001b\\\u001b(0q\u009d9;4;3\u009cx`
  const bytes = new TextEncoder().encode(text)
  const expected = 'ä\u001b[24Sé\u001b[80;1 @\u001b]8;;https://example.org/ü\u0007\u001b\\進🙂\u001b\\\u001b(0q\u001b]9;4;3\u0007\u001b\\x'
  t.equal(filter(bytes), expected)
  for (let at = 0; at <= bytes.length; at++) t.equal(filter(bytes.subarray(0, at), bytes.subarray(at)), expected, `split at ${at}`)
  t.equal(filter(...Array.from(bytes, (byte) => Uint8Array.of(byte))), expected, 'byte by byte')
})

t.test('table of sequences that are completed, cancelled or left out', async (t) => {
  for (const [text, shown, what] of [
    ['\u001b[3\n1mred', '\n\u001b[31mred', 'the terminal executes a control character within a sequence at once'],
    ['\u001b[3\u007f1mred', '\u001b[31mred', 'DEL is ignored within a sequence'],
    ['\u001b[31\u0018mtext', 'mtext', 'CAN cancels'],
    ['\u001b[31\u001amtext', 'mtext', 'SUB cancels'],
    ['\u001b[31\u001b[0mtext', '\u001b[0mtext', 'ESC cancels'],
    ['\u001b[31\u009b0mtext', '\u001b[0mtext', 'a C1 control character cancels'],
    ['\u001b[31ßtext', 'ßtext', 'a character that no sequence contains'],
    ['\u001bßtext', 'ßtext', 'the same after ESC'],
    ['\u001b[1?25htext', 'text', 'malformed: the prefix is not first'],
    ['\u001b[ 1mtext', 'text', 'malformed: a number after an intermediate'],
    [`\u001b[${'1;'.repeat(200)}mtext`, 'text', 'too long'],
    [`\u001b${' '.repeat(1000)}Ftext`, 'text', 'too long'],
    ['\u001b[3Jtext', 'text', 'clears the rows above the view'],
    ['\u001b[?003;1Jtext', 'text', 'the same'],
    ['\u001b[30J', '\u001b[30J', 'does not'],
    ['\u001bctext', '\u001b[!ptext', 'a full reset becomes a soft one'],
    ['\u0085\u0084\u008d', '\u001bE\u001bD\u001bM', 'C1 control characters, as two characters'],
    ['\u001b]0;title\u0007\u001b]4;1;#fff\u0007\u001b]11;#000\u001b\\\u001b]52;c;YQ==\u0007text', '\u001b\\text', 'commands that a log may not send'],
    ['\u001b]8;;x\u0018text', 'text', 'a cancelled command'],
    ['\u001b]8;;x\ntext', '\ntext', 'a line feed ends a command'],
    [`\u001b]8;;${'x'.repeat(5000)}\u0007text`, 'text', 'a command that is too long'],
    ['\u001bPq#0;2;0~-\u0007~\u001b\\text', '\u001b\\text', 'sixels'],
    ['\u001b_Ga=T;AAAA\nnext line', '\nnext line', 'a line feed ends a string'],
    ['\u0090\u0098\u009e\u009fx\u009ctext', '\u001b\\text', 'strings that begin and end with C1 control characters']
  ] as const) t.equal(filter(text), shown, what)
})

t.test('invalid UTF-8 is shown as replacement characters', async (t) => {
  t.equal(filter(Uint8Array.of(0x61, 0xff, 0x9b, 0x35, 0x53, 0x62)), 'a\ufffd\ufffd5Sb')
  t.equal(filter(Uint8Array.of(0x1b, 0x5b, 0x39, 0xff, 0x39, 0x53)), '\ufffd9S')
})

t.test('an unfinished string is not kept', async (t) => {
  const sequences = new SequenceFilter(() => SIZE)
  sequences.push(new TextEncoder().encode('\u001b]8;;'))
  const chunk = new Uint8Array(100_000).fill(0x78)
  t.strictSame(Array.from({ length: 1000 }, () => sequences.push(chunk)).flat(), [])
  t.strictSame(sequences.push(new TextEncoder().encode('\u0007text')), ['text'])
})

t.test('a cell has at most 32 combining marks, however the log is split', async (t) => {
  const marks = '\u0301'.repeat(1000)
  t.equal(filter(`e${marks}x`), `e${'\u0301'.repeat(MAX_MARKS)}x`)
  t.equal(filter('e', ...Array<string>(1000).fill('\u0301'), 'x\u0302'), `e${'\u0301'.repeat(MAX_MARKS)}x\u0302`)
  t.equal([...filter(`e${'\u{e0100}\u001b\u{e0100}'.repeat(1000)}`)].length, 1 + MAX_MARKS, 'also if sequences between them are left out')
  t.equal(filter(`${'e\u0301'.repeat(100)}`), 'e\u0301'.repeat(100))
})

t.test('reset forgets an unfinished sequence', async (t) => {
  const sequences = new SequenceFilter(() => SIZE)
  sequences.push(new TextEncoder().encode('\u001b]8;;'))
  sequences.reset()
  t.strictSame(sequences.push(new TextEncoder().encode('text')), ['text'])
})
