import { Readable } from 'node:stream'
import t from 'tap'
import { followLog, followLogBytes, type LogPiece } from '../../lib/log/follower.ts'
import type { TaskEvent } from '../../lib/store.ts'
import { ID, OneLog } from './one-log.ts'

/** The text of all pieces; a truncation is written as `|`. */
async function collect (pieces: AsyncIterable<LogPiece>): Promise<string> {
  let text = ''
  for await (const { bytes, truncated } of pieces) text = truncated === true ? `${text}|` : text + String(bytes)
  return text
}

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
    log.bytes = Buffer.from('first last')
    log.status = 'completed'
    log.emit({})
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
  const write = async (bytes: string | undefined, event: Partial<TaskEvent> = {}) => {
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
  log.status = 'completed'
  log.emit({})
  t.equal(await text, '0123456789|abcdef|ABCDEFGHI|again|other|other')
})
