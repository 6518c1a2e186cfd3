import { Readable } from 'node:stream'
import t from 'tap'
import { followLog, followLogBytes, type LogPiece } from '../../lib/log/follower.ts'
import type { TaskLogEvent } from '../../lib/store.ts'
import { randomFrom } from '../random.ts'
import { waitFor } from '../wait-for.ts'
import { ID, OneLog } from './one-log.ts'

/** The text of all pieces; a truncation is written as `|`. */
async function collect (pieces: AsyncIterable<LogPiece>): Promise<string> {
  let text = ''
  for await (const { bytes, truncated } of pieces) text = truncated === true ? `${text}|` : text + String(bytes)
  return text
}

interface Following {
  readonly log: OneLog
  /** What each follower has received. */
  readonly received: LogPiece[][]
  /** Resolves when all followers have received this text. */
  readonly until: (text: string) => Promise<void>
  /** Finishes the task. Resolves when all followers have ended. */
  readonly finish: () => Promise<void>
}

/** A log of a running task, and followers that have read it. */
async function startFollowers (text: string, count: number): Promise<Following> {
  const log = new OneLog(text)
  log.status = 'running'
  const received = Array.from({ length: count }, (): LogPiece[] => [])
  const ended = Promise.all(received.map(async (pieces) => {
    for await (const piece of followLog(log, ID, {})) pieces.push(piece)
  }))
  const until = async (text: string) => {
    await waitFor(() => received.every((pieces) => contentOf(pieces) === text), { every: 1, describe: () => received.map(contentOf) })
  }
  const finish = async () => {
    log.setStatus('completed')
    await ended
  }
  await until(text)
  log.reads = 0
  return { log, received, until, finish }
}

function contentOf (pieces: readonly LogPiece[]): string {
  return Buffer.concat(pieces.map(({ bytes }) => bytes)).toString('latin1')
}

t.test('followers that have caught up share the bytes of new output, without reading the log', async (t) => {
  const { log, received: [first, second], until, finish } = await startFollowers('1\n', 2)
  log.append('2\n')
  await until('1\n2\n')
  log.append('3\n')
  log.append('4\n')
  await until('1\n2\n3\n4\n')
  t.equal(log.reads, 0)
  t.match(first!.slice(1), [{ offset: 2, bytes: Buffer.from('2\n') }, { offset: 4, bytes: Buffer.from('3\n4\n') }])
  for (const [index, piece] of first!.entries()) t.equal(index === 0 || piece === second![index], true)
  await finish()
  t.equal(log.listeners.size, 0)
})

t.test('followers share one subscription', async (t) => {
  const { log, finish } = await startFollowers('one\n', 3)
  t.equal(log.listeners.size, 1)
  await finish()
  t.equal(log.listeners.size, 0)
})

t.test('followers that have caught up read output that is not valid UTF-8 once', async (t) => {
  const { log, until, finish } = await startFollowers('one\n', 3)
  const output = Buffer.from([0x61, 0xff, 0x62, 0xe9, 0x0a])
  log.append(output)
  await until(`one\n${output.toString('latin1')}`)
  t.equal(log.reads, 1)
  // it is replaced before it is read: each follower finds out by itself
  log.append(output, { isEmitted: false })
  log.emit({ offset: 9, end: 14, chunk: 'other', lossy: true })
  await until(`one\n${output.toString('latin1').repeat(2)}`)
  await finish()
})

t.test('a follower that does not begin where new output does reads the log up to its end', async (t) => {
  const { log, until, finish, received: [pieces] } = await startFollowers('one\n', 1)
  log.append('two\n', { isEmitted: false })
  log.append('three\n')
  log.append('not reported\n', { isEmitted: false })
  await until('one\ntwo\nthree\n')
  t.equal(log.reads, 1)
  await finish()
  t.equal(contentOf(pieces!), 'one\ntwo\nthree\nnot reported\n')
})

t.test('followers do not read the log when another field of its task changes', async (t) => {
  const { log, until, finish } = await startFollowers('one\n', 2)
  log.setStatus('running')
  log.append('two\n')
  await until('one\ntwo\n')
  t.equal(log.reads, 0)
  await finish()
})

t.test('a follower whose consumer is slow reads what it was not sent', async (t) => {
  const log = new OneLog('one\n')
  log.status = 'running'
  const pieces = followLog(log, ID, {})
  await pieces.next()
  const other = (async () => { for await (const { offset } of followLog(log, ID, {})) if (offset < 0) break })()
  for (let number = 0; number < 20; number++) log.append(`${number}`.repeat(40_000))
  const rest: LogPiece[] = []
  const ended = (async () => { for await (const piece of pieces) rest.push(piece) })()
  const untilEqual = async () => await waitFor(() => contentOf(rest) === log.bytes!.toString('latin1', 4), { every: 1, describe: () => contentOf(rest).length })
  await untilEqual()
  log.append('last')
  await untilEqual()
  t.ok(log.reads <= 4, `${log.reads} reads`)
  log.setStatus('completed')
  await ended
  await other
})

t.test('followers of a random history end with the exact log', async (t) => {
  const { below: random } = randomFrom(6)
  for (let trial = 0; trial < 200; trial++) {
    const log = new OneLog(random(2) === 0 ? 'begin' : undefined)
    log.status = 'running'
    const followers = Array.from({ length: 3 }, async (_, speed) => {
      let copy = Buffer.alloc(0)
      for await (const { offset, bytes, truncated } of followLog(log, ID, {})) {
        if (truncated === true) copy = Buffer.alloc(0)
        if (offset !== copy.length) throw new Error(`${offset} instead of ${copy.length}`)
        copy = Buffer.concat([copy, bytes])
        for (let turn = random(1 + speed * 3); turn > 0; turn--) await new Promise(setImmediate)
      }
      return copy.toString('latin1')
    })
    const written: string[] = []
    for (let step = random(12); step > 0; step--) {
      const kind = random(10)
      written.push(`${kind}`)
      if (kind < 6) log.append(Buffer.from(`${trial}-${step}${kind === 5 ? '\xe9' : ''}`, 'latin1'), { isEmitted: kind > 0 })
      else if (kind === 6) log.emit()
      else if (kind === 7) log.setStatus('running')
      else if (kind === 8) {
        log.bytes = Buffer.alloc(0)
        log.emit({ truncated: true })
      } else await new Promise((resolve) => setTimeout(resolve, 1))
    }
    log.setStatus(random(4) === 0 ? undefined : 'completed')
    const expected = log.bytes?.toString('latin1') ?? ''
    t.strictSame(await Promise.all(followers), [expected, expected, expected], `trial ${trial}: ${written.join(' ')}`)
  }
})

t.test('followLog reads a log again that is truncated and appended to during a read', async (t) => {
  const log = new OneLog('0123456789')
  log.onRead = () => {
    log.onRead = (body) => body
    log.bytes = Buffer.from('abcdefghijklmnopq')
    return Readable.from((function * () {
      yield Buffer.from('01234')
      throw new Error('The log shrank while it was read.')
    })())
  }
  t.equal(await collect(followLog(log, ID, {})), '01234|abcdefghijklmnopq')
})

t.test('followLog rejects if an unchanged log cannot be read', async (t) => {
  const log = new OneLog('0123456789')
  log.readLog = async () => ({
    size: 10,
    etag: '"same"',
    body: Readable.from((function * (): Generator<Buffer> { throw new Error('EIO') })())
  })
  await t.rejects(collect(followLog(log, ID, {})), { message: 'EIO' })
})

t.test('followLog reads output that is written during the last read of a task that finishes', async (t) => {
  const log = new OneLog('first ')
  log.status = 'running'
  log.onRead = (body) => {
    log.onRead = (body) => body
    log.append('last', { isEmitted: false })
    log.setStatus('completed')
    return body
  }
  t.equal(await collect(followLog(log, ID, {})), 'first last')
})

t.test('returning from followLogBytes while it waits ends it and unsubscribes', async (t) => {
  const log = new OneLog('abc')
  log.status = 'running'
  const chunks = followLogBytes(log, ID, {})
  t.match(await chunks.next(), { value: Buffer.from('abc') })
  const waiting = chunks.next()
  await new Promise(setImmediate)
  t.equal(log.listeners.size, 1)
  await chunks.return(undefined)
  t.strictSame([await waiting, log.listeners.size], [{ value: undefined, done: true }, 0])
})

t.test('aborting the signal of followLog while it waits ends it and unsubscribes', async (t) => {
  const log = new OneLog('abc')
  log.status = 'running'
  const controller = new AbortController()
  const next = followLog(log, ID, { signal: controller.signal, position: 3 }).next()
  await new Promise(setImmediate)
  controller.abort()
  t.strictSame([await next, log.listeners.size], [{ value: undefined, done: true }, 0])
})

t.test('breaking out of followLog unsubscribes', async (t) => {
  const log = new OneLog('abc')
  log.status = 'running'
  for await (const { offset, bytes } of followLog(log, ID, {})) {
    t.strictSame([offset, bytes], [0, Buffer.from('abc')])
    if (offset === 0) break
  }
  t.equal(log.listeners.size, 0)
})

t.test('followLog with an aborted signal yields nothing', async (t) => {
  const log = new OneLog('abc')
  log.status = 'running'
  t.equal(await collect(followLog(log, ID, { signal: AbortSignal.abort() })), '')
})

t.test('followLog reads a log from its beginning whenever it is truncated', async (t) => {
  const log = new OneLog('0123456789')
  log.status = 'running'
  const text = collect(followLog(log, ID, {}))
  const settle = async () => { for (let round = 0; round < 20; round++) await new Promise(setImmediate) }
  const write = async (bytes: string | undefined, event: Partial<TaskLogEvent> = {}) => {
    log.bytes = bytes === undefined ? undefined : Buffer.from(bytes)
    log.emit(event)
    await settle()
  }
  await settle()
  await write('abc')
  await write('abcdef')
  await write('ABCDEFGHI')
  await write(undefined)
  await write('again')
  // the store reports a truncation that the follower has detected
  await write('other')
  await write('other', { truncated: true })
  // only the store detects the truncation
  await write('other', { truncated: true })
  log.setStatus('completed')
  t.equal(await text, '0123456789|abcdef|ABCDEFGHI|again|other|other')
})
