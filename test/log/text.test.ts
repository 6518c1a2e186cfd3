import t from 'tap'
import { completeLength, textChunk } from '../../lib/log/text.ts'

t.test('completeLength excludes an incomplete last character', async (t) => {
  const euro = [0xe2, 0x82, 0xac]
  const smile = [0xf0, 0x9f, 0x99, 0x82]
  const cases: Array<[number[], number]> = [
    [[], 0], [[0x61], 1], [euro, 3], [euro.slice(0, 1), 0], [euro.slice(0, 2), 0], [smile.slice(0, 3), 0], [smile, 4],
    [[0x61, 0xc3], 1], [[0x61, 0xc3, 0xbc], 3]
  ]
  for (const [bytes, length] of cases) t.equal(completeLength(Uint8Array.from(bytes)), length, bytes.join(' '))
})

t.test('completeLength includes bytes that no later bytes would complete', async (t) => {
  const cases: Array<[number[], number]> = [[[0x80, 0x80, 0x80, 0x80], 4], [[0xff], 1], [[0xc0], 1], [[0xf5, 0x80], 2]]
  for (const [bytes, length] of cases) t.equal(completeLength(Uint8Array.from(bytes)), length, bytes.join(' '))
})

t.test('textChunk marks bytes that are not valid UTF-8 as lossy', async (t) => {
  t.strictSame(textChunk(5, Buffer.from('ü')), { offset: 5, end: 7, chunk: 'ü' })
  t.strictSame(textChunk(5, Buffer.from([0xff])), { offset: 5, end: 6, chunk: '\ufffd', lossy: true })
})
