import { EventEmitter } from 'node:events'
import t from 'tap'
import { ClientFilter } from '../../lib/feed/client-filter.ts'
import { Connection } from '../../lib/feed/connection.ts'
import { createCounters } from '../../lib/feed/counters.ts'
import { OutgoingEvent } from '../../lib/feed/outgoing-event.ts'
import type { TaskEvent } from '../../lib/store.ts'

/** A client whose number of unsent bytes is set by the test. */
class Client extends EventEmitter {
  writableLength = 0
  destroyed = false
  text = ''

  write (bytes: Buffer): boolean {
    this.text += String(bytes)
    return true
  }

  end (): void {}
  destroy (): void { this.destroyed = true }

  /** The events that it received. */
  get events (): string[] {
    return this.text.match(/event: .*\ndata: .*/g) ?? []
  }
}

function connect (client: Client, counters = createCounters()): (event: TaskEvent) => void {
  const connection = new Connection(client, { filter: new ClientFilter({}, () => {}), maxBytes: 1000, counters, position: 'a-0' })
  return (event) => connection.sendFiltered([new OutgoingEvent(event)], event.eventId)
}

const chunk = (taskId: string, eventId: string): TaskEvent => ({ type: 'task.log', eventId, taskId, offset: 0, end: 3, chunk: 'abc' })

t.test('a deleted task gets no size update for its skipped log chunks', async (t) => {
  const client = new Client()
  const counters = createCounters()
  const send = connect(client, counters)
  client.writableLength = 600
  send(chunk('task_1_gone', 'a-1'))
  send(chunk('task_2_stays', 'a-1'))
  send({ type: 'task.deleted', eventId: 'a-2', taskId: 'task_1_gone' })
  client.writableLength = 0
  client.emit('drain')
  t.equal(counters.withheld, 2)
  t.strictSame(client.events, [
    'event: task.deleted\ndata: {"id":"task_1_gone"}',
    'event: task.log\ndata: {"id":"task_2_stays","offset":3,"end":3,"chunk":""}'
  ])
})

t.test('a size update carries no id, and reports a skipped truncation', async (t) => {
  const client = new Client()
  const send = connect(client)
  client.writableLength = 600
  send({ type: 'task.log', eventId: 'a-1', taskId: 'task_1_a', offset: 0, end: 0, chunk: '', truncated: true })
  send(chunk('task_1_a', 'a-2'))
  client.writableLength = 0
  client.emit('drain')
  t.equal(client.text, [
    'event: task.log\ndata: {"id":"task_1_a","offset":0,"end":0,"chunk":"","truncated":true}\n\n',
    'event: task.log\ndata: {"id":"task_1_a","offset":3,"end":3,"chunk":""}\n\n'
  ].join(''))
})

t.test('a client over the buffer limit is disconnected and counted', async (t) => {
  const client = new Client()
  const counters = createCounters()
  const send = connect(client, counters)
  client.writableLength = 1001
  send(chunk('task_1_a', 'a-1'))
  t.strictSame([client.destroyed, counters.dropped, client.text], [true, 1, ''])
})
