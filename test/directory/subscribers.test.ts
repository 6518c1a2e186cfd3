import t from 'tap'
import { Subscribers } from '../../lib/directory/subscribers.ts'
import type { TaskEvent } from '../../lib/store.ts'

const deleted: TaskEvent = { type: 'task.deleted', eventId: 'a-1', taskId: 'task_1_a' }
const logOf = (taskId: string): TaskEvent => ({ type: 'task.log', eventId: 'a-2', taskId, offset: 0, end: 1, chunk: 'x' })

t.test('a subscriber receives log events only of the logs that it is interested in', async (t) => {
  for (const [logs, count] of [[true, 2], [false, 0], ['task_1_a', 1]] as const) {
    const subscribers = new Subscribers(() => {})
    const received: string[] = []
    subscribers.add(({ type }) => { received.push(type) }, { logs })
    subscribers.emit(deleted)
    for (const id of ['task_1_a', 'task_2_b']) subscribers.emit(logOf(id))
    t.strictSame(received, ['task.deleted', ...Array(count).fill('task.log')], `${logs}`)
  }
})

t.test('wantsLog reports whether a subscriber is interested in a log', async (t) => {
  const subscribers = new Subscribers(() => {})
  const removeNone = subscribers.add(() => {}, { logs: false })
  t.notOk(subscribers.wantsLog('task_1_a'))
  const [removeFirst, removeSecond] = [subscribers.add(() => {}, { logs: 'task_1_a' }), subscribers.add(() => {}, { logs: 'task_1_a' })]
  t.ok(subscribers.wantsLog('task_1_a'))
  t.notOk(subscribers.wantsLog('task_2_b'))
  removeFirst()
  removeFirst()
  t.ok(subscribers.wantsLog('task_1_a'), 'while one of two is left')
  removeSecond()
  t.notOk(subscribers.wantsLog('task_1_a'))
  removeNone()
  subscribers.add(() => {}, { logs: true })
  t.ok(subscribers.wantsLog('task_2_b'))
})

t.test('a listener that subscribes or unsubscribes others during an event affects only those that have not received it', async (t) => {
  const subscribers = new Subscribers(() => {})
  const received: string[] = []
  let removeLast = () => {}
  subscribers.add(() => {
    received.push('first')
    removeLast()
    subscribers.add(() => { received.push('added') }, { logs: false })
  }, { logs: false })
  removeLast = subscribers.add(() => { received.push('last') }, { logs: false })
  subscribers.emit(deleted)
  t.strictSame(received, ['first'])
})

t.test('the error of a listener is reported, and the others receive the event', async (t) => {
  const errors: unknown[] = []
  const subscribers = new Subscribers((error) => { errors.push(error) })
  const failure = new Error('The listener failed.')
  let received = 0
  subscribers.add(() => { throw failure }, { logs: false })
  subscribers.add(() => { received++ }, { logs: false })
  subscribers.add(async () => { throw failure }, { logs: false })
  subscribers.emit(deleted)
  await null
  t.strictSame([errors, received], [[failure, failure], 1])
})
