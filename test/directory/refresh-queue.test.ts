import t from 'tap'
import { RefreshQueue } from '../../lib/directory/watch/refresh-queue.ts'

/** Records the refreshes; those of the task `held` wait for `release`. */
class Refreshes {
  readonly seen: string[] = []
  logsLeft = 0
  release: () => void = () => {}
  readonly queue = new RefreshQueue(async (id, targets) => {
    this.seen.push(`${id} ${[...targets].join('+')}`)
    if (id === 'held') await new Promise<void>((resolve) => { this.release = resolve })
    return targets.has('log') && this.logsLeft-- > 0 ? ['log'] : []
  }, { concurrency: 2 })
}

/** Refreshes start in a later turn of the event loop. */
async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

t.test('hints during a refresh lead to one more refresh of the task', async (t) => {
  const refreshes = new Refreshes()
  const { queue, seen } = refreshes
  queue.add('held', 'task-file')
  await settled()
  queue.add('held', 'task-file')
  queue.add('held', 'log')
  const again = queue.refresh('held', ['side-files'])
  t.strictSame(seen, ['held task-file'])
  refreshes.release()
  await settled()
  refreshes.release()
  await again
  t.strictSame(seen, ['held task-file', 'held task-file+log+side-files'])
})

t.test('a task file is refreshed before queued logs', async (t) => {
  const refreshes = new Refreshes()
  refreshes.logsLeft = 1000
  for (const id of ['a', 'b', 'c']) refreshes.queue.add(id, 'log')
  await refreshes.queue.refresh('d', ['task-file'])
  t.ok(refreshes.logsLeft > 900, `${refreshes.logsLeft} of 1000 logs left`)
})

t.test('has reports queued and running refreshes', async (t) => {
  const refreshes = new Refreshes()
  const { queue } = refreshes
  t.notOk(queue.has('held'))
  queue.add('held', 'task-file')
  t.ok(queue.has('held'), 'queued')
  await settled()
  t.ok(queue.has('held'), 'running')
  refreshes.release()
  await settled()
  t.notOk(queue.has('held'), 'done')
})

t.test('close waits for the running refresh and starts no further one', async (t) => {
  const refreshes = new Refreshes()
  const { queue } = refreshes
  queue.add('held', 'task-file')
  await settled()
  let isClosed = false
  const closed = queue.close().then(() => { isClosed = true })
  await settled()
  t.notOk(isClosed, 'while a refresh is running')
  refreshes.release()
  await closed
  await queue.refresh('e', ['task-file'])
  t.strictSame(refreshes.seen, ['held task-file'])
})

t.test('refreshes that take long yield to the event loop every few ms', async (t) => {
  let refreshed = 0
  const queue = new RefreshQueue(async () => {
    refreshed++
    const end = performance.now() + 3
    while (performance.now() < end);
    return []
  })
  let turns = 0
  const count = () => { turns++; if (refreshed < 40) setImmediate(count) }
  setImmediate(count)
  await Promise.all(Array.from({ length: 40 }, (_, index) => queue.refresh(`task_${index}_a`, ['task-file'])))
  t.equal(refreshed, 40)
  t.ok(turns >= 18, `the event loop had ${turns} turns in 40 refreshes of 3 ms`)
})
