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

async function settled (): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
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

t.test('refreshes that do not wait for anything leave the event loop to others', async (t) => {
  let refreshed = 0
  const busyUntil = (end: number) => { while (performance.now() < end) ; }
  const queue = new RefreshQueue(async () => {
    busyUntil(performance.now() + 1)
    refreshed++
    return []
  })
  let turns = 0
  const timer = setInterval(() => { turns++ }, 1)
  t.teardown(() => clearInterval(timer))
  await Promise.all(Array.from({ length: 100 }, (_, index) => queue.refresh(`task_${index}_a`, ['task-file'])))
  t.equal(refreshed, 100)
  t.ok(turns >= 5, `${turns} turns of the event loop`)
})
