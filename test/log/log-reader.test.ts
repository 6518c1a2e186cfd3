import t from 'tap'
import { LogReader, type LogPiece } from '../../lib/log/log-reader.ts'
import { ID, OneLog } from './one-log.ts'

const { signal } = new AbortController()

/** Reads to the end: the text of the pieces, with `|` for a truncation, and the result. */
async function read (reader: LogReader, onPiece: (piece: LogPiece) => void = () => {}): Promise<[text: string, result: string]> {
  let text = ''
  const pieces = reader.read(signal)
  for (;;) {
    const { done, value } = await pieces.next()
    if (done === true) return [text, value]
    text += value.truncated === true ? '|' : String(value.bytes)
    onPiece(value)
  }
}

t.test('LogReader reads only the bytes after the last read', async (t) => {
  const log = new OneLog('one ')
  const reader = new LogReader(log, ID, 0)
  t.strictSame(await read(reader), ['one ', 'at-end'])
  log.bytes = Buffer.from('one two')
  t.strictSame(await read(reader), ['two', 'at-end'])
  t.strictSame(await read(reader), ['', 'at-end'])
  t.equal(reader.position, 7)
})

t.test('LogReader starts at its position', async (t) => {
  t.strictSame(await read(new LogReader(new OneLog('one two'), ID, 4)), ['two', 'at-end'])
})

t.test('LogReader of a missing log reads nothing', async (t) => {
  t.strictSame(await read(new LogReader(new OneLog(), ID, 0)), ['', 'at-end'])
})

t.test('LogReader detects a log that is shorter, rewritten or missing', async (t) => {
  for (const [bytes, result] of [['on', 'interrupted'], ['ONE two', 'interrupted'], [undefined, 'at-end']] as const) {
    const log = new OneLog('one ')
    const reader = new LogReader(log, ID, 0)
    await read(reader)
    log.bytes = bytes === undefined ? undefined : Buffer.from(bytes)
    t.strictSame(await read(reader), ['|', result], `${bytes}`)
    t.strictSame(await read(reader), [bytes ?? '', 'at-end'], `${bytes}, after the restart`)
  }
})

t.test('LogReader restarts when the store reports a truncation', async (t) => {
  const reader = new LogReader(new OneLog('one '), ID, 0)
  await read(reader)
  reader.reportTruncation()
  t.strictSame(await read(reader), ['|one ', 'at-end'])
})

t.test('LogReader restarts once for a truncation that it detects and the store reports', async (t) => {
  const log = new OneLog('one ')
  const reader = new LogReader(log, ID, 0)
  await read(reader)
  log.bytes = Buffer.from('two')
  t.strictSame(await read(reader), ['|', 'interrupted'])
  t.strictSame(await read(reader), ['two', 'at-end'])
  reader.reportTruncation()
  t.strictSame(await read(reader), ['', 'at-end'])
})

t.test('a reported truncation interrupts a read in progress', async (t) => {
  const reader = new LogReader(new OneLog(Buffer.alloc(200_000, 'x')), ID, 0)
  const [text, result] = await read(reader, () => reader.reportTruncation())
  t.strictSame([text.length, result], [65536, 'interrupted'])
})
