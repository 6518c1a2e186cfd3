import t from 'tap'
import type { TasksClient } from '../../lib/client/index.ts'
import { untilClients } from '../helpers.ts'
import { clientWithTask } from './fixtures.ts'

for (const [name, call] of [
  ['list', (client, signal) => client.list({ signal })],
  ['get', (client, signal) => client.get('task_1_a', { signal })],
  ['create', (client, signal) => client.create({ command: 'true' }, { signal })],
  ['cancel', (client, signal) => client.cancel('task_1_a', { signal })],
  ['delete', (client, signal) => client.delete('task_1_a', { signal })],
  ['readLog', (client, signal) => client.readLog('task_1_a', { signal })],
  ['logSize', (client, signal) => client.logSize('task_1_a', { signal })],
  ['searchLog', (client, signal) => client.searchLog('task_1_a', 'x', { signal })],
  ['health', (client, signal) => client.health({ signal })],
  ['types', (client, signal) => client.types({ signal })]
] as ReadonlyArray<readonly [string, (client: TasksClient, signal: AbortSignal) => Promise<unknown>]>) {
  t.test(`${name} with an aborted signal rejects without a request`, async (t) => {
    let requests = 0
    const { client } = await clientWithTask(t, { interfere: () => { requests++; return false } })
    await t.rejects(call(client, AbortSignal.abort()), { name: 'AbortError' })
    t.equal(requests, 0)
  })
}

t.test('aborting the signal of followLog and watch rejects them and disconnects', async (t) => {
  const { url, client } = await clientWithTask(t)
  const controller = new AbortController()
  const { signal } = controller
  const following = client.followLog('task_1_a', { signal })
  const changes = client.watch({ signal })[Symbol.asyncIterator]()
  await changes.next()
  t.match((await changes.next()).value, { type: 'connected' })
  const pending: ReadonlyArray<Promise<unknown>> = [following.next(), changes.next()]
  await untilClients(url, 2)
  controller.abort()
  for (const promise of pending) await t.rejects(promise, { name: 'AbortError' })
  await untilClients(url, 0)
})
