import t from 'tap'
import { PollingLoop } from '../../lib/processor/polling-loop.ts'
import { waitFor } from '../wait-for.ts'

t.test('a loop polls again after an error', async (t) => {
  const errors: unknown[] = []
  const loop = new PollingLoop(async () => { throw new Error('gone') }, { intervalMs: 1, onError: (error) => errors.push(error) })
  loop.start()
  await waitFor(() => errors.length >= 2, { every: 1, describe: () => errors })
  await loop.stop()
  t.match(errors[1], { message: 'gone' })
})

t.test('stopping waits for the poll in progress and starts no other', async (t) => {
  let polls = 0
  let finish = () => {}
  const loop = new PollingLoop(async () => {
    polls++
    await new Promise<void>((resolve) => { finish = resolve })
  }, { intervalMs: 1, onError: (error) => t.fail(String(error)) })
  loop.start()
  await waitFor(() => polls === 1, { every: 1, describe: () => polls })
  let hasStopped = false
  const stopped = loop.stop().then(() => { hasStopped = true })
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(hasStopped, 'the poll is in progress')
  finish()
  await stopped
  t.equal(polls, 1)
})

t.test('a loop that was never started can be stopped', async (t) => {
  const loop = new PollingLoop(async () => { t.fail('polled') }, { intervalMs: 1, onError: () => {} })
  await loop.stop()
  t.pass('stopped')
})
