import { text } from 'node:stream/consumers'
import t from 'tap'
import { readLog, type LogSelection } from '../../lib/log/read-log.ts'
import { ID, OneLog } from './one-log.ts'

async function read (log: string, options?: LogSelection): Promise<unknown[]> {
  const { start, end, size, body } = (await readLog(new OneLog(log), ID, options))!
  return [start, end, size, await text(body)]
}

t.test('readLog returns a range of a log, limited to its size', async (t) => {
  t.strictSame(await read('a\nb\nc\n'), [0, 6, 6, 'a\nb\nc\n'])
  t.strictSame(await read('a\nb\nc\n', { start: 2 }), [2, 6, 6, 'b\nc\n'])
  t.strictSame(await read('a\nb\nc\n', { start: 2, end: 3 }), [2, 3, 6, 'b'])
  t.strictSame(await read('a\nb\nc\n', { start: 4, end: 100 }), [4, 6, 6, 'c\n'])
  t.strictSame(await read('a\nb\nc\n', { start: 100 }), [6, 6, 6, ''])
  t.strictSame(await read('a\nb\nc\n', { start: 4, end: 2 }), [4, 4, 6, ''])
  t.strictSame(await read('', {}), [0, 0, 0, ''])
})

t.test('readLog returns the last lines of a log', async (t) => {
  t.strictSame(await read('a\nb\nc\n', { tail: 1 }), [4, 6, 6, 'c\n'])
  t.strictSame(await read('a\nb\nc\n', { tail: 10 }), [0, 6, 6, 'a\nb\nc\n'])
  t.strictSame(await read('a\nb\nc\n', { tail: 0 }), [6, 6, 6, ''])
})

t.test('readLog of a log that is truncated during the call returns an empty range at its new size', async (t) => {
  const log = new OneLog('0123456789')
  const { readLog: readStore } = log
  log.readLog = async (...parameters) => {
    const content = await readStore.apply(log, parameters)
    if (log.reads === 1) log.bytes = Buffer.from('01')
    return content
  }
  const range = await readLog(log, ID, { tail: 0 })
  t.match(range, { start: 2, end: 2, size: 2 })
  t.equal(await text(range!.body), '')
})

t.test('readLog returns undefined if there is no log', async (t) => {
  t.equal(await readLog(new OneLog(), ID), undefined)
  t.equal(await readLog(new OneLog(), ID, { tail: 1 }), undefined)
})
