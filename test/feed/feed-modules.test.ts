import { EventEmitter } from 'node:events'
import t from 'tap'
import { Connection, Outgoing } from '../../lib/feed/connection.ts'
import { Filtering } from '../../lib/feed/filter.ts'
import { StreamSlots } from '../../lib/sse/slots.ts'

/** A client whose socket holds as much as a test says. */
class Client extends EventEmitter {
  writableLength = 0
  destroyed = false
  text = ''
  write (bytes: Buffer): boolean {
    this.text += String(bytes)
    return true
  }

  end (): void {}
  destroy (): void {}
}

t.test('what a slow client was not sent of a log is no longer told when its task is deleted', async (t) => {
  const client = new Client()
  const counters = { deliveries: 0, bytes: 0, withheld: 0, dropped: 0, resumed: 0 }
  const connection = new Connection(client, { filtering: new Filtering({}), maxBytes: 1000, counters, position: 'a-0' })
  client.writableLength = 600
  for (const taskId of ['task_1_gone', 'task_2_stays']) {
    connection.sendEach([new Outgoing({ type: 'task.log', eventId: 'a-1', taskId, offset: 0, end: 3, chunk: 'abc' })], 'a-1')
  }
  connection.sendEach([new Outgoing({ type: 'task.deleted', eventId: 'a-2', taskId: 'task_1_gone' })], 'a-2')
  client.writableLength = 0
  client.emit('drain')
  t.equal(counters.withheld, 2)
  t.strictSame(client.text.match(/event: .*\ndata: .*/g), [
    'event: task.deleted\ndata: {"id":"task_1_gone"}',
    'event: task.log\ndata: {"id":"task_2_stays","offset":3,"end":3,"chunk":""}'
  ])
})

t.test('a client that is let in while the server closes is ended, or cut where it comes too late', async (t) => {
  const streams = new StreamSlots({ maxClients: 3, maxClientsPerAddress: 3 })
  const [early, late] = [streams.enter('a')!, streams.enter('a')!]
  const closing = streams.close()
  t.equal(streams.enter('b'), undefined)
  const done: string[] = []
  const stream = (name: string) => ({ ping () {}, end () { done.push(`${name} ended`) }, destroy () { done.push(`${name} cut`) } })
  early.open(stream('early'))
  early.leave()
  early.leave()
  t.equal(streams.clients, 1)
  await closing
  late.open(stream('late'))
  late.leave()
  t.strictSame(done, ['early ended', 'late cut'])
  t.equal(streams.clients, 0)
})
