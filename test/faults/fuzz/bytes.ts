import type { Random } from '../../random.ts'

const SPECIAL = ['\0', '\u00ff', '"', '{', '}', '[', ']', ',', ':', '\\', '\n', '\r', '\r\n\r\n', ' ', '%', '0', '-', '\u00ef\u00bb\u00bf', '\u00ed\u00a0\u0080', '\u00c3', '\u00f0\u009f'].map((text) => Buffer.from(text, 'latin1'))

/** Changes some bytes: replaces, inserts, removes, repeats or cuts. */
export function mutate (random: Random, original: Buffer): Buffer {
  let bytes = original
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length + 1)
    const length = random.below(random.pick([1, 8, 100, bytes.length]) + 1)
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + length)]
    bytes = random.pick([
      () => Buffer.concat([before, random.pick(SPECIAL), bytes.subarray(at + 1)]),
      () => Buffer.concat([before, random.pick(SPECIAL), bytes.subarray(at)]),
      () => Buffer.concat([before, randomBytes(random, random.below(20)), bytes.subarray(at)]),
      () => Buffer.concat([before, after]),
      () => Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at, at + length), after]),
      () => before
    ])()
  }
  return bytes
}

/** The text in an encoding: in one of two cases UTF-8. */
export function encode (random: Random, text: string): Buffer {
  const utf16 = Buffer.from(text, 'utf16le')
  return random.pick([
    () => Buffer.from(text), () => Buffer.from(text), () => Buffer.from(text), () => Buffer.from(text),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.concat([Buffer.from('fffe', 'hex'), utf16]),
    () => Buffer.concat([Buffer.from('feff', 'hex'), utf16]).swap16(),
    () => Buffer.from(text, 'latin1'),
    () => Buffer.from(`${text}\0\0\0`)
  ])()
}

export function randomBytes (random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}
