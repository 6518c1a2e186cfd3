import t from 'tap'
import { FINGERPRINT_BYTES, LogFingerprint, sameBytes } from '../../lib/shared/fingerprint.ts'
import { randomFrom } from '../random.ts'

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()

t.test('a fingerprint holds the first bytes of a log and those before the position', async (t) => {
  const { below: random } = randomFrom(1)
  for (let trial = 0; trial < 200; trial++) {
    const log = Buffer.from(Array.from({ length: random(400) }, () => random(256)))
    const fingerprint = new LogFingerprint()
    for (let at = 0; at < log.length;) {
      const size = 1 + random(random(2) === 0 ? 5 : 150)
      fingerprint.advance(log.subarray(at, at + size))
      at = Math.min(log.length, at + size)
      t.equal(fingerprint.position, at)
      const expected = [log.subarray(0, Math.min(at, FINGERPRINT_BYTES)), log.subarray(Math.max(0, at - FINGERPRINT_BYTES), at)]
      if (!sameBytes(fingerprint.first, expected[0]!) || !sameBytes(fingerprint.last, expected[1]!)) t.fail(`trial ${trial} at ${at}`)
    }
  }
})

t.test('a fingerprint that begins later in a log does not know its first bytes', async (t) => {
  const fingerprint = new LogFingerprint(100)
  fingerprint.advance(Buffer.from('abc'))
  t.strictSame([fingerprint.position, fingerprint.first.length, textOf(fingerprint.last)], [103, 0, 'abc'])
})

t.test('a fingerprint does not keep a large piece in memory', async (t) => {
  const fingerprint = new LogFingerprint(100)
  fingerprint.advance(Buffer.alloc(1e6, 'x'))
  t.equal(fingerprint.last.buffer.byteLength, FINGERPRINT_BYTES)
})

t.test('a fingerprint advances from the bytes that moveTo has set', async (t) => {
  const fingerprint = new LogFingerprint(100)
  fingerprint.moveTo(5, { first: Buffer.from('01234'), last: Buffer.from('01234') })
  fingerprint.advance(Buffer.from('56'))
  t.strictSame([fingerprint.position, textOf(fingerprint.first), textOf(fingerprint.last)], [7, '0123456', '0123456'])
})
