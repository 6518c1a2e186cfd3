import t from 'tap'
import { StreamSlots, type OpenStream } from '../../lib/sse/slots.ts'

/** A stream that records how it was closed. */
function stream (closed: string[], name: string): OpenStream {
  return { ping () {}, end () { closed.push(`${name} ended`) }, destroy () { closed.push(`${name} destroyed`) } }
}

t.test('a closing server admits no clients', async (t) => {
  const slots = new StreamSlots({ maxClients: 3, maxClientsPerAddress: 3 })
  const closing = slots.close()
  t.equal(slots.acquire('a'), undefined)
  await closing
  t.equal(slots.acquire('a'), undefined)
})

t.test('a stream that is attached while the server closes is ended, and destroyed after the deadline', async (t) => {
  const slots = new StreamSlots({ maxClients: 3, maxClientsPerAddress: 3 })
  const [early, late] = [slots.acquire('a')!, slots.acquire('a')!]
  const closing = slots.close()
  const closed: string[] = []
  early.attach(stream(closed, 'early'))
  early.release()
  await closing
  late.attach(stream(closed, 'late'))
  late.release()
  t.strictSame(closed, ['early ended', 'late destroyed'])
  t.equal(slots.clients, 0)
})

t.test('releasing a slot twice releases it once', async (t) => {
  const slots = new StreamSlots({ maxClients: 3, maxClientsPerAddress: 3 })
  const [first] = [slots.acquire('a')!, slots.acquire('a')!]
  first.release()
  first.release()
  t.equal(slots.clients, 1)
})

t.test('slots are limited in total and per address', async (t) => {
  const slots = new StreamSlots({ maxClients: 3, maxClientsPerAddress: 2 })
  const first = slots.acquire('a')
  t.ok(first)
  t.ok(slots.acquire('a'))
  t.equal(slots.acquire('a'), undefined, 'a third client of one address')
  t.ok(slots.acquire('b'))
  t.equal(slots.acquire('c'), undefined, 'a fourth client')
  first?.release()
  t.ok(slots.acquire('a'), 'after a release')
})
