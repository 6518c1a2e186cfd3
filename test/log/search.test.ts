import t from 'tap'
import { searchLog, type LogMatch, type SearchOptions } from '../../lib/log/search.ts'
import type { SearchResult } from '../../lib/shared/api-schemas.ts'
import { randomFrom } from '../random.ts'
import { ID, OneLog } from './one-log.ts'

const KIB = 1024

async function search (log: OneLog, text: string, options: SearchOptions = {}): Promise<SearchResult> {
  return await searchLog(log, ID, text, { limit: 1000, timeMs: 60_000, ...options })
}

async function find (bytes: string | Buffer, text: string): Promise<LogMatch[]> {
  return (await search(new OneLog(bytes), text)).matches
}

/** The matches of all pages. */
async function pages (log: OneLog, text: string, limit: number): Promise<LogMatch[]> {
  const found: LogMatch[] = []
  for (let before: number | undefined; ;) {
    const { matches, next }: SearchResult = await search(log, text, { limit, before })
    found.push(...matches)
    if (next === null) return found
    if (matches.length !== limit || next >= (before ?? Infinity)) throw new Error(`The search made no progress at ${next}.`)
    before = next
  }
}

t.test('searchLog returns matching lines, last one first, ignoring case', async (t) => {
  t.strictSame(await find('one\ntwo\nONE\n', 'one'), [{ offset: 8, line: 'ONE' }, { offset: 0, line: 'one' }])
  t.strictSame(await find('é ü\n日本 Ärger\nx', 'ärGER'), [{ offset: 6, line: '日本 Ärger' }])
})

t.test('searchLog treats special characters of regular expressions literally', async (t) => {
  t.strictSame(await find('a.c\nabc\n', 'A.C'), [{ offset: 0, line: 'a.c' }])
  for (const text of ['\\d', '(', ')', '[a', ']', '{1}', '^', '$', '*', '+', '?', '|', '/', '\\', '.', '-', '[^a-z]{2}', '\\u{61}', '$&', '😀', '\'', '"']) {
    t.strictSame(await find(`aa 1\n<${text}>\n`, text), [{ offset: 5, line: `<${text}>` }], text)
  }
})

t.test('searchLog returns lines without their line breaks', async (t) => {
  t.strictSame(await find('a\r\nb\r\n', 'B'), [{ offset: 3, line: 'b' }], 'CRLF')
  t.strictSame(await find('end', 'end'), [{ offset: 0, line: 'end' }])
  t.strictSame(await find('a\nb', 'a'), [{ offset: 0, line: 'a' }])
  t.strictSame(await find('x y\n', 'x y'), [{ offset: 0, line: 'x y' }])
})

t.test('searchLog returns no matches of an empty log or of empty lines', async (t) => {
  t.strictSame(await find('', 'x'), [])
  t.strictSame(await find('\n\n\n', 'x'), [])
})

t.test('searchLog finds lines of a log that is not valid UTF-8', async (t) => {
  const binary = Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('x\n'), Buffer.from([0x80, 0x80, 0x0a, 0xe2, 0x82, 0x0a])])
  t.strictSame(await find(binary, 'X'), [{ offset: 3, line: 'x' }])
  t.match(await find(Buffer.concat([Buffer.from([0xff]), Buffer.from('x')]), 'x'), [{ offset: 0, line: '\ufffdx' }])
})

t.test('searchLog returns no matches if there is no log', async (t) => {
  t.strictSame(await searchLog(new OneLog(), ID, 'x', { limit: 1, timeMs: 1 }), { matches: [], next: null })
})

t.test('searchLog reduces a long line to an excerpt around the match', async (t) => {
  for (const [name, fill, unit] of [['ASCII', Buffer.from('.'), 1], ['é', Buffer.from('é'), 2], ['not UTF-8', Buffer.from([0xff]), 1], ['continuations', Buffer.from([0x80]), 1]] as const) {
    for (const [before, after] of [[0, 10_000], [10, 5000], [3000, 3000], [10_000, 0], [200_000, 20], [300_000, 300_000], [262_140 / unit | 0, 262_140], [262_144 - 3, 0]] as const) {
      const line = Buffer.concat([Buffer.alloc(before * unit, fill), Buffer.from('Needle'), Buffer.alloc(after * unit, fill)])
      const log = new OneLog(Buffer.concat([Buffer.from('first\n'), line, Buffer.from('\nlast\n')]))
      const { matches, next } = await search(log, 'needle')
      const label = `${before} ${name} before, ${after} after`
      t.equal(matches.length, 1, label)
      t.equal(next, null, label)
      const [{ offset, line: text }] = matches as [LogMatch]
      t.match(text, /Needle/, label)
      t.ok(Buffer.byteLength(text) <= 3 * 1024, `${label}: ${Buffer.byteLength(text)} bytes`)
      t.ok(offset >= 6 && offset <= 6 + before * unit, `${label}: at ${offset}`)
      if (name === 'ASCII' || name === 'é') t.equal(String(log.bytes!.subarray(offset, offset + Buffer.byteLength(text))), text, label)
      t.strictSame(await pages(log, 'needle', 1), matches, `${label}, paged`)
    }
  }
})

t.test('searchLog finds a match that spans two blocks of a long line', async (t) => {
  for (let at = 256 * KIB - 12; at <= 256 * KIB + 12; at++) {
    for (const needle of ['needle', '日本', 'x']) {
      const log = new OneLog(Buffer.concat([Buffer.alloc(300 * KIB, '.'), Buffer.from(needle), Buffer.alloc(at, '.')]))
      const { matches } = await search(log, needle)
      t.ok(matches.length === 1 && matches[0]!.line.includes(needle), `${needle} ${at} from the end`)
    }
  }
})

t.test('searchLog finds the same lines as a simple search, once, in pages of any size', async (t) => {
  const { below: random } = randomFrom(Number(process.env.SEED ?? 3))
  const words = ['needle', 'NEEDLE', 'Näedle', 'nee.dle', '日本語', 'x', '']
  for (let trial = 0; trial < 25; trial++) {
    const crlf = random(4) === 0
    const lines = Array.from({ length: 1 + random(40) }, () => {
      // up to the length from which a line counts as several
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
    t.strictSame(found, (await search(log, wanted)).matches, `trial ${trial}: pages`)
    t.equal(found.length, naive.length, `trial ${trial}: ${wanted}`)
    for (const [index, match] of found.entries()) {
      const { offset, line } = naive[index]!
      // a longer line is reduced to an excerpt
      if (Buffer.byteLength(line) <= 1024) t.strictSame(match, { offset, line: line.replace(/\r$/, '') })
      else t.ok(match.offset >= offset && line.includes(match.line) && match.line.toLowerCase().includes(wanted), `trial ${trial}, ${match.offset}`)
      t.equal(log.bytes!.subarray(match.offset, match.offset + Buffer.byteLength(match.line)).toString(), match.line)
    }
  }
})

t.test('searchLog stops after its time limit and continues at `next`', async (t) => {
  const log = new OneLog(Buffer.concat([Buffer.from('needle\n'), Buffer.alloc(3 * 1024 * KIB, '.\n')]))
  const found: LogMatch[] = []
  let before: number | null = Infinity
  let rounds = 0
  while (before !== null) {
    const { matches, next }: SearchResult = await search(log, 'needle', { before, timeMs: 0 })
    found.push(...matches)
    if (next !== null && next >= before) throw new Error(`The search made no progress at ${next}.`)
    before = next
    rounds++
  }
  t.match([rounds > 5, found], [true, [{ offset: 0, line: 'needle' }]])
})

t.test('searchLog stops when its signal aborts', async (t) => {
  const log = new OneLog(Buffer.concat([Buffer.from('needle\n'), Buffer.alloc(3 * 1024 * KIB, '.\n')]))
  t.match(await search(log, 'needle', { limit: 1, signal: AbortSignal.abort() }), { matches: [], next: Number })
  t.ok(log.reads <= 2, `${log.reads} reads`)
})
