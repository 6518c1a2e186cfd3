import t from 'tap'
import { startOfLastLines } from '../../lib/log/last-lines.ts'
import { randomFrom } from '../random.ts'
import { ID, OneLog } from './one-log.ts'

const KIB = 1024

async function start (text: string, lines: number, end = Buffer.byteLength(text)): Promise<number> {
  return await startOfLastLines(new OneLog(text), ID, { lines, end })
}

t.test('startOfLastLines returns the offset at which the last lines begin', async (t) => {
  const table: Array<[text: string, lines: number, start: number]> = [
    ['', 0, 0], ['', 5, 0], ['a', 0, 1], ['a', 1, 0], ['a\n', 1, 0], ['\n', 1, 0], ['\n', 0, 1], ['\n\n', 1, 1], ['\n\n', 2, 0], ['\n\n\n', 2, 1],
    ['a\nb', 1, 2], ['a\nb\n', 1, 2], ['a\nb\n', 2, 0], ['a\nb\n', 3, 0], ['a\nb\nc', 2, 2], ['a\r\nb\r\n', 1, 3], ['é\né\n', 1, 3], ['\na', 1, 1], ['\na', 2, 0]
  ]
  for (const [text, lines, expected] of table) t.equal(await start(text, lines), expected, `${JSON.stringify(text)}, ${lines}`)
})

t.test('startOfLastLines ignores bytes after the end', async (t) => {
  t.equal(await start('a\nb\nc\nd\n', 1, 4), 2)
})

t.test('startOfLastLines finds lines that span several blocks', async (t) => {
  const { below: random } = randomFrom(2)
  for (let trial = 0; trial < 60; trial++) {
    // lengths around the block size of 64 KiB
    const lines = Array.from({ length: 1 + random(6) }, () => 'x'.repeat(random(4) === 0 ? random(200 * KIB) : 64 * KIB - 3 + random(6)) + '\n')
    if (random(2) === 0) lines.push('end')
    const wanted = random(lines.length + 2)
    const text = lines.join('')
    const expected = text.length - lines.slice(lines.length - Math.min(wanted, lines.length)).join('').length
    t.equal(await start(text, wanted), expected, `trial ${trial}`)
  }
})

t.test('startOfLastLines returns the lines found within its limit of bytes, or else the end of the last line', async (t) => {
  const table: Array<[text: string, lines: number, maxBytes: number, start: number]> = [
    ['a\nb\nc\n', 9, 5, 2], ['a\nb\nc\n', 9, 4, 4], ['a\nb\nc\n', 1, 3, 4], ['a\nb\nc\n', 9, 6, 0], ['a\nb\nc\n', 9, 99, 0], ['a\nb\nc\n', 0, 0, 6],
    ['abcdef', 1, 3, 3], ['abcdef\n', 1, 3, 4], ['abcdef', 1, 6, 0], ['ab日本', 1, 5, 5], ['ab日本', 1, 4, 5], ['ab日本', 1, 3, 5], ['ab🙂!', 1, 4, 6], ['ab🙂!', 1, 5, 2]
  ]
  for (const [text, lines, maxBytes, expected] of table) {
    const label = `${JSON.stringify(text)}, ${lines} lines in ${maxBytes} bytes`
    t.equal(await startOfLastLines(new OneLog(text), ID, { lines, end: Buffer.byteLength(text), maxBytes }), expected, label)
  }
})

t.test('startOfLastLines reads no more than its limit of bytes', async (t) => {
  const log = new OneLog(Buffer.alloc(200 * KIB))
  t.equal(await startOfLastLines(log, ID, { lines: 1, end: 200 * KIB, maxBytes: 100 * KIB }), 100 * KIB)
  t.equal(log.reads, 2)
})

t.test('startOfLastLines stops after its time', async (t) => {
  const log = new OneLog(Buffer.alloc(200 * KIB))
  t.equal(await startOfLastLines(log, ID, { lines: 1, end: 200 * KIB, timeMs: 0 }), 200 * KIB - 1 - 64 * KIB)
  t.equal(log.reads, 1)
})

t.test('startOfLastLines stops reading when its signal aborts', async (t) => {
  const log = new OneLog(Buffer.alloc(10_000_000))
  await startOfLastLines(log, ID, { lines: 1, end: 10_000_000, signal: AbortSignal.abort() })
  t.ok(log.reads <= 1, `${log.reads} reads`)
})

t.test('startOfLastLines stops at a log that is shorter than its end', async (t) => {
  const offset = await start('a\nb\n', 1, 100)
  t.ok(offset <= 100, `offset ${offset}`)
})
