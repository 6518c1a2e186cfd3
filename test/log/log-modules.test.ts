import { appendFile, lstat, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { temporaryDirectory } from '../helpers.ts'
import { randomFrom } from '../random.ts'
import { LogTail } from '../../lib/directory/log/log-tail.ts'
import { FINGERPRINT_BYTES, LogFingerprint, sameBytes } from '../../lib/shared/fingerprint.ts'
import { followLog, followLogBytes, type LogPiece } from '../../lib/log/follower.ts'
import { startOfLastLines } from '../../lib/log/last-lines.ts'
import { searchLog, type LogMatch } from '../../lib/log/search.ts'
import { matchesTag } from '../../lib/routes/entity-tag.ts'
import { parseRange } from '../../lib/routes/log/range.ts'
import type { LogContent, TaskEvent, TaskStore } from '../../lib/store.ts'

const ID = 'task_1_a'
const KIB = 1024

/** A store of one log, as far as reading it goes. */
class OneLog {
  bytes: Buffer | undefined
  status: string | undefined = 'completed'
  reads = 0
  /** Called with each body before it is given. */
  onRead: (body: Readable) => Readable = (body) => body
  readonly listeners = new Set<(event: TaskEvent) => void>()

  constructor (bytes?: Buffer | string) {
    this.bytes = bytes === undefined ? undefined : Buffer.from(bytes)
  }

  get store (): TaskStore {
    return this as unknown as TaskStore
  }

  async get (id: string): Promise<unknown> {
    return this.status === undefined ? undefined : { id, status: this.status }
  }

  async readLog (_id: string, { start, end = Infinity }: { start: number, end?: number }): Promise<LogContent | undefined> {
    this.reads++
    if (this.bytes === undefined) return undefined
    const part = this.bytes.subarray(start, Math.max(start, end))
    const pieces = Array.from({ length: Math.ceil(part.length / 65536) }, (_, index) => part.subarray(index * 65536, (index + 1) * 65536))
    return { size: this.bytes.length, etag: `"${this.reads}"`, body: this.onRead(Readable.from(pieces)) }
  }

  subscribe (listener: (event: TaskEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  tell (event: Partial<TaskEvent>): void {
    for (const listener of this.listeners) listener({ type: 'task.log', taskId: ID, ...event } as TaskEvent)
  }
}

/** Numbers from 0 to below `below`, the same in each run. */
t.test('ranges', async (t) => {
  const table: Array<[header: string | undefined, size: number, range: ReturnType<typeof parseRange>]> = [
    [undefined, 10, undefined],
    ['bytes=0-0', 10, { start: 0, end: 1 }],
    ['bytes=2-5', 10, { start: 2, end: 6 }],
    ['Bytes=2-5', 10, { start: 2, end: 6 }],
    ['bytes= 2-5\t', 10, { start: 2, end: 6 }],
    ['bytes=2-', 10, { start: 2, end: 10 }],
    ['bytes=9-', 10, { start: 9, end: 10 }],
    ['bytes=2-99', 10, { start: 2, end: 10 }],
    ['bytes=-3', 10, { start: 7, end: 10 }],
    ['bytes=-10', 10, { start: 0, end: 10 }],
    ['bytes=-99', 10, { start: 0, end: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-12', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=-00', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=5-2', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=', 10, undefined],
    ['bytes', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['bytes=a-b', 10, undefined],
    ['bytes=1.5-2', 10, undefined],
    ['bytes=+1-2', 10, undefined],
    ['bytes=--1', 10, undefined],
    ['bytes=0-1 x', 10, undefined],
    ['lines=0-1', 10, undefined],
    ['xbytes=0-1', 10, undefined],
    [`bytes=0-${'9'.repeat(400)}`, 10, undefined]
  ]
  for (const [header, size, range] of table) t.strictSame(parseRange(header, size), range, `${header?.slice(0, 40)} of ${size}`)
})

t.test('entity tags', async (t) => {
  const table: Array<[header: string | undefined, matches: boolean]> = [
    [undefined, false], ['', false], ['"a"', true], ['W/"a"', true], [' "a" ', true], ['*', true], ['"b"', false], ['"b", "a"', true],
    ['"b",W/"a"', true], ['a', false], ['"A"', false], ['"a', false], ['w/"a"', false], ['"b", *', false]
  ]
  for (const [header, matches] of table) t.equal(matchesTag(header, '"a"'), matches, String(header))
  t.equal(matchesTag('"a"', 'W/"a"'), true)
})

t.test('a fingerprint knows a log\'s first bytes and those before the position', async (t) => {
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
  const later = new LogFingerprint(100)
  later.advance(Buffer.from('abc'))
  t.strictSame([later.position, later.first.length, Buffer.from(later.last).toString()], [103, 0, 'abc'], 'what stands before is not known')
  const large = Buffer.alloc(1e6, 'x')
  later.advance(large)
  t.equal(later.last.buffer.byteLength, FINGERPRINT_BYTES, 'a large piece is not kept alive')
  later.moveTo(5, { first: Buffer.from('01234'), last: Buffer.from('01234') })
  later.advance(Buffer.from('56'))
  t.strictSame([later.position, String(Buffer.from(later.first)), String(Buffer.from(later.last))], [7, '0123456', '0123456'])
})

t.test('where the last lines begin', async (t) => {
  const start = async (text: string | Buffer, lines: number, end = Buffer.byteLength(text)) => {
    return await startOfLastLines(new OneLog(text).store, ID, { lines, end, signal: new AbortController().signal })
  }
  const table: Array<[text: string, lines: number, start: number]> = [
    ['', 0, 0], ['', 5, 0], ['a', 0, 1], ['a', 1, 0], ['a\n', 1, 0], ['\n', 1, 0], ['\n', 0, 1], ['\n\n', 1, 1], ['\n\n', 2, 0], ['\n\n\n', 2, 1],
    ['a\nb', 1, 2], ['a\nb\n', 1, 2], ['a\nb\n', 2, 0], ['a\nb\n', 3, 0], ['a\nb\nc', 2, 2], ['a\r\nb\r\n', 1, 3], ['é\né\n', 1, 3], ['\na', 1, 1], ['\na', 2, 0]
  ]
  for (const [text, lines, expected] of table) t.equal(await start(text, lines), expected, `${JSON.stringify(text)}, ${lines}`)
  t.equal(await start('a\nb\nc\nd\n', 1, 4), 2, 'what comes after the end does not count')

  const { below: random } = randomFrom(2)
  for (let trial = 0; trial < 60; trial++) {
    // lengths around the pieces of 64 KiB
    const lines = Array.from({ length: 1 + random(6) }, () => 'x'.repeat(random(4) === 0 ? random(200 * KIB) : 64 * KIB - 3 + random(6)) + '\n')
    if (random(2) === 0) lines.push('end')
    const wanted = random(lines.length + 2)
    const text = lines.join('')
    const expected = text.length - lines.slice(lines.length - Math.min(wanted, lines.length)).join('').length
    t.equal(await start(text, wanted), expected, `trial ${trial}`)
  }

  const left = new AbortController()
  const log = new OneLog(Buffer.alloc(10_000_000))
  left.abort()
  await startOfLastLines(log.store, ID, { lines: 1, end: 10_000_000, signal: left.signal })
  t.ok(log.reads <= 1, 'who left is not searched for')
  t.equal(await startOfLastLines(new OneLog('a\nb\n').store, ID, { lines: 1, end: 100, signal: new AbortController().signal }) <= 100, true, 'a log that shrank ends it')
})

async function search (log: OneLog, text: string, { limit = 1000, before, timeMs = 60_000 }: { limit?: number, before?: number, timeMs?: number } = {}) {
  const signal = new AbortController().signal
  return (await searchLog(log.store, ID, { text, limit, timeMs, signal, ...(before !== undefined && { before }) }))!
}

/** All pages. */
async function pages (log: OneLog, text: string, limit: number): Promise<LogMatch[]> {
  const found: LogMatch[] = []
  let before: number | undefined
  for (;;) {
    const { matches, next }: { matches: readonly LogMatch[], next: number | undefined } = await search(log, text, { limit, ...(before !== undefined && { before }) })
    found.push(...matches)
    if (next === undefined) return found
    if (matches.length !== limit || next >= (before ?? Infinity)) throw new Error(`no progress at ${next}`)
    before = next
  }
}

t.test('search: what matches', async (t) => {
  const find = async (log: string | Buffer, text: string) => (await search(new OneLog(log), text)).matches
  t.strictSame(await find('one\ntwo\nONE\n', 'one'), [{ offset: 8, line: 'ONE' }, { offset: 0, line: 'one' }])
  t.strictSame(await find('é ü\n日本 Ärger\nx', 'ärGER'), [{ offset: 6, line: '日本 Ärger' }])
  t.strictSame(await find('a.c\nabc\n', 'A.C'), [{ offset: 0, line: 'a.c' }])
  for (const text of ['\\d', '(', ')', '[a', ']', '{1}', '^', '$', '*', '+', '?', '|', '/', '\\', '.', '-', '[^a-z]{2}', '\\u{61}', '$&', '😀', '\'', '"']) {
    t.strictSame(await find(`aa 1\n<${text}>\n`, text), [{ offset: 5, line: `<${text}>` }], text)
  }
  t.strictSame(await find('a\r\nb\r\n', 'B'), [{ offset: 3, line: 'b' }], 'CRLF')
  t.strictSame(await find('end', 'end'), [{ offset: 0, line: 'end' }])
  t.strictSame(await find('a\nb', 'a\nb'.slice(0, 1)), [{ offset: 0, line: 'a' }])
  t.strictSame(await find('x y\n', 'x y'), [{ offset: 0, line: 'x y' }])
  t.strictSame(await find('', 'x'), [])
  t.strictSame(await find('\n\n\n', 'x'), [])
  const binary = Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('x\n'), Buffer.from([0x80, 0x80, 0x0a, 0xe2, 0x82, 0x0a])])
  t.strictSame(await find(binary, 'X'), [{ offset: 3, line: 'x' }])
  t.match(await find(Buffer.concat([Buffer.from([0xff]), Buffer.from('x')]), 'x'), [{ offset: 0, line: '\ufffdx' }])
  t.equal(await searchLog(new OneLog().store, ID, { text: 'x', limit: 1, timeMs: 1, signal: new AbortController().signal }), undefined)
})

t.test('search: of long lines, what is around the match', async (t) => {
  for (const [name, fill, unit] of [['ASCII', Buffer.from('.'), 1], ['é', Buffer.from('é'), 2], ['not UTF-8', Buffer.from([0xff]), 1], ['continuations', Buffer.from([0x80]), 1]] as const) {
    for (const [before, after] of [[0, 10_000], [10, 5000], [3000, 3000], [10_000, 0], [200_000, 20], [300_000, 300_000], [262_140 / unit | 0, 262_140], [262_144 - 3, 0]] as const) {
      const line = Buffer.concat([Buffer.alloc(before * unit, fill), Buffer.from('Needle'), Buffer.alloc(after * unit, fill)])
      const log = new OneLog(Buffer.concat([Buffer.from('first\n'), line, Buffer.from('\nlast\n')]))
      const { matches, next } = await search(log, 'needle')
      const label = `${before} ${name} before, ${after} after`
      t.equal(matches.length, 1, label)
      t.equal(next, undefined)
      const [{ offset, line: text }] = matches as [LogMatch]
      t.match(text, /Needle/, label)
      t.ok(Buffer.byteLength(text) <= 3 * 1024, `${label}: ${Buffer.byteLength(text)} bytes`)
      t.ok(offset >= 6 && offset <= 6 + before * unit, `${label}: at ${offset}`)
      if (name === 'ASCII' || name === 'é') t.equal(String(log.bytes!.subarray(offset, offset + Buffer.byteLength(text))), text, label)
      t.strictSame(await pages(log, 'needle', 1), matches, `${label}, paged`)
    }
  }
})

t.test('search: a match across pieces of a long line is found, wherever they meet', async (t) => {
  for (let at = 256 * KIB - 12; at <= 256 * KIB + 12; at++) {
    for (const needle of ['needle', '日本', 'x']) {
      const log = new OneLog(Buffer.concat([Buffer.alloc(300 * KIB, '.'), Buffer.from(needle), Buffer.alloc(at, '.')]))
      const { matches } = await search(log, needle)
      t.ok(matches.length === 1 && matches[0]!.line.includes(needle), `${needle} ${at} from the end`)
    }
  }
})

t.test('search: what a naive one finds, once, in pages of any size', async (t) => {
  const { below: random } = randomFrom(Number(process.env.SEED ?? 3))
  const words = ['needle', 'NEEDLE', 'Näedle', 'nee.dle', '日本語', 'x', '']
  for (let trial = 0; trial < 25; trial++) {
    const crlf = random(4) === 0
    const lines = Array.from({ length: 1 + random(40) }, () => {
      // up to where a line counts as several
      const length = [random(30), random(5000), random(100_000), 256 * KIB - 2 - random(20)][random(4)]!
      const word = words[random(words.length)]!
      const rest = Math.max(0, length - Buffer.byteLength(word))
      const before = Math.floor(random(rest + 1) / 3)
      return `${'é.'.repeat(before)}${word}${'.'.repeat(rest - 3 * before)}`
    })
    const text = lines.join(crlf ? '\r\n' : '\n') + (random(2) === 0 ? '\n' : '')
    const log = new OneLog(text)
    const wanted = ['needle', '日本', 'nee.', '.', 'é'][random(5)]!
    let offset = 0
    const naive: Array<{ offset: number, line: string }> = []
    for (const line of text.split('\n')) {
      if (line.toLowerCase().includes(wanted)) naive.unshift({ offset, line })
      offset += Buffer.byteLength(line) + 1
    }
    const found = await pages(log, wanted, 1 + random(7))
    t.strictSame(found, (await search(log, wanted)).matches, 'pages give the same')
    t.equal(found.length, naive.length, `trial ${trial}: ${wanted}`)
    for (const [index, match] of found.entries()) {
      const { offset, line } = naive[index]!
      // of a longer line a part is given
      if (Buffer.byteLength(line) <= 1024) t.strictSame(match, { offset, line: line.replace(/\r$/, '') })
      else t.ok(match.offset >= offset && line.includes(match.line) && match.line.toLowerCase().includes(wanted), `trial ${trial}, ${match.offset}`)
      t.equal(log.bytes!.subarray(match.offset, match.offset + Buffer.byteLength(match.line)).toString(), match.line)
    }
  }
})

t.test('search: its time is limited, and who left is not searched for', async (t) => {
  const log = new OneLog(Buffer.concat([Buffer.from('needle\n'), Buffer.alloc(3 * 1024 * KIB, '.\n')]))
  const found: LogMatch[] = []
  let before: number | undefined = Infinity
  let rounds = 0
  while (before !== undefined) {
    const { matches, next } = await search(log, 'needle', { before, timeMs: 0 })
    found.push(...matches)
    if (next !== undefined && next >= before) throw new Error('no progress')
    before = next
    rounds++
  }
  t.match([rounds > 5, found], [true, [{ offset: 0, line: 'needle' }]])
  const left = new AbortController()
  left.abort()
  log.reads = 0
  t.match(await searchLog(log.store, ID, { text: 'needle', limit: 1, timeMs: 60_000, signal: left.signal }), { matches: [], next: Number })
  t.ok(log.reads <= 2)
})

async function collect (pieces: AsyncIterable<LogPiece>): Promise<string> {
  let text = ''
  for await (const { bytes, restarted } of pieces) text = restarted === true ? `${text}|` : text + String(bytes)
  return text
}

t.test('following: a read that fails', async (t) => {
  const log = new OneLog('0123456789')
  // cut and written on while it was read: longer than before
  log.onRead = () => {
    log.onRead = (body) => body
    log.bytes = Buffer.from('abcdefghijklmnopq')
    return Readable.from((function * () {
      yield Buffer.from('01234')
      throw new Error('The log shrank while it was read.')
    })())
  }
  t.equal(await collect(followLog(log.store, ID, {})), '01234|abcdefghijklmnopq')
  const broken = new OneLog('0123456789')
  broken.readLog = async () => ({
    size: 10,
    etag: '"same"',
    body: Readable.from((function * (): Generator<Buffer> { throw new Error('EIO') })())
  })
  await t.rejects(collect(followLog(broken.store, ID, {})), { message: 'EIO' })
})

t.test('following: what was written before the end is read, whatever the moment', async (t) => {
  const log = new OneLog('first ')
  log.status = 'running'
  log.onRead = (body) => {
    log.onRead = (body) => body
    log.bytes = Buffer.from('first last')
    log.status = 'completed'
    log.tell({})
    return body
  }
  t.equal(await collect(followLog(log.store, ID, {})), 'first last')
})

t.test('following: who leaves, or is made to, ends it, and nothing stays behind', async (t) => {
  const log = new OneLog('abc')
  log.status = 'running'
  const left = followLogBytes(log.store, ID, {})
  t.match(await left.next(), { value: Buffer.from('abc') })
  const waiting = left.next()
  await new Promise(setImmediate)
  t.equal(log.listeners.size, 1)
  await left.return(undefined)
  t.strictSame([await waiting, log.listeners.size], [{ value: undefined, done: true }, 0])
  const ended = new AbortController()
  const aborted = followLog(log.store, ID, { signal: ended.signal, position: 3 })
  const next = aborted.next()
  await new Promise(setImmediate)
  ended.abort()
  t.strictSame([await next, log.listeners.size], [{ value: undefined, done: true }, 0])
  for await (const { offset, bytes } of followLog(log.store, ID, {})) {
    t.strictSame([offset, bytes], [0, Buffer.from('abc')])
    if (offset === 0) break
  }
  t.equal(log.listeners.size, 0)
  const before = new AbortController()
  before.abort()
  t.equal(await collect(followLog(log.store, ID, { signal: before.signal })), '')
})

t.test('following: a log that is another one is told from its beginning', async (t) => {
  const log = new OneLog('0123456789')
  log.status = 'running'
  const pieces = followLog(log.store, ID, {})
  const text = collect(pieces)
  const settle = async () => { for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate) }
  const write = async (bytes: string | undefined, event: Partial<TaskEvent> = {}) => {
    log.bytes = bytes === undefined ? undefined : Buffer.from(bytes)
    log.tell(event)
    await settle()
  }
  await settle()
  await write('abc')
  await write('abcdef')
  await write('ABCDEFGHI')
  await write(undefined)
  await write('again')
  // the store says what was noticed already
  await write('other')
  await write('other', { truncated: true })
  // only the store knows
  await write('other', { truncated: true })
  log.status = 'completed'
  log.tell({})
  t.equal(await text, '0123456789|abcdef|ABCDEFGHI||again|other|other'.replace('||', '|'))
})

t.test('a tail that began at a log\'s end notices a rewrite by the log\'s beginning, once it has read on', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  const kept = Buffer.alloc(200, 'kept')
  await writeFile(path, Buffer.concat([Buffer.alloc(100, 'old'), kept]))
  const tail = new LogTail(path)
  tail.startAtEnd(await lstat(path, { bigint: true }))
  await appendFile(path, kept)
  t.match(await tail.readOn({ ended: false }), { changes: [{ offset: 300, end: 500 }] })
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(100, 'new'), 0, 100, 0)
  await file.close()
  await appendFile(path, 'more')
  t.match(await tail.readOn({ ended: false }), { changes: [{ truncated: true }] })
})

t.test('a tail that began at the end of a short log takes what follows for no beginning', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  await writeFile(path, Buffer.alloc(40, 'old'))
  const tail = new LogTail(path)
  tail.startAtEnd(await lstat(path, { bigint: true }))
  for (const [offset, end] of [[40, 140], [140, 240], [240, 340]]) {
    await appendFile(path, Buffer.alloc(100, `${end}`))
    t.match(await tail.readOn({ ended: false }), { changes: [{ offset, end }] })
  }
})
