import type { Random } from '../random.ts'

const CHARACTERS = ['a', ' ', '\t', '\r', '\n', '\b', '\u000e', '\u000f', '進', '🙂', '\u0301', '\u200d', '\u1160', 'e\u0301', '\u0084', '\u0085', '\u0088', '\u008d', '\ufffd', 'https://example.org/']
const NUMBERS = ['', '0', '1', '3', '9', '48', '255', '2004', '2147483647', '99999999999999999999', '4:3', '9:9:9']
const STRINGS = ['\u001b]', '\u001bP', '\u001b_', '\u001b^', '\u001bX', '\u009d', '\u0090', '\u009f']
const COMMANDS = ['0;title', '4;1;#fff', '8;;javascript:alert(1)', '8;id=a;https://example.org/', '8;;', '9;4;1;30', '9;4;3', '11;#000', '52;c;aGVsbG8=', '104', '1337;File=:AAAA', '$q m', 'q"1;1;100;100#0~~']
const ENDS = ['\u0007', '\u001b\\', '\u009c', '\u0018', '\u001b', '\n', '']

/** A sequence as no program should write it: any final, prefix and intermediates, and huge numbers. */
function randomSequence ({ pick, below }: Random): string {
  const kind = below(10)
  if (kind === 0) return `${pick(STRINGS)}${pick(COMMANDS)}${pick(ENDS)}`
  if (kind === 1) return `\u001b${pick(['', '#', '(', ')', '%', ' '])}${String.fromCharCode(0x30 + below(0x4f))}`
  const numbers = Array.from({ length: below(20) === 0 ? 300 : below(4) }, () => pick(NUMBERS)).join(';')
  const intermediates = below(3) === 0 ? String.fromCharCode(0x20 + below(16)) : ''
  return `${pick(['\u001b[', '\u001b[', '\u009b'])}${pick(['', '', '', '?', '>', '<', '='])}${numbers}${intermediates}${String.fromCharCode(0x40 + below(0x3f))}`
}

/** About `length` bytes of output that is hard to show: floods of a sequence, text between sequences, marks, long lines, noise. */
export function randomOutput (random: Random, length: number): Buffer {
  const { pick, below } = random
  const sequence = randomSequence(random)
  switch (below(6)) {
    case 0: return repeated(sequence, length)
    case 1: return repeated(`${pick(CHARACTERS)}${sequence}`, length)
    case 2: return repeated(pick(CHARACTERS), length)
    case 3: return repeated(`${sequence}${pick(CHARACTERS).repeat(below(300))}${randomSequence(random)}\n`, length)
    case 4: return Buffer.from(Array.from({ length }, () => below(256)))
    default: {
      let text = ''
      while (text.length < length) text += below(2) === 0 ? randomSequence(random) : pick(CHARACTERS).repeat(below(20))
      return Buffer.from(text)
    }
  }
}

function repeated (text: string, length: number): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.from(text.repeat(Math.ceil(length / Math.max(1, bytes.length))))
}
