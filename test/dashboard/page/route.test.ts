import t from 'tap'
import { listHash, newHash, parseRoute, taskHash } from '../../../lib/dashboard/page/routing/route.ts'

t.test('the hash of a parsed route equals the parsed hash', async (t) => {
  for (const hash of ['#/', '#/?status=failed', '#/?type=a%26b&q=x+y', '#/tasks/task_1_a', '#/tasks/task_1_a?at=5', '#/new', '#/new?from=task_1_a']) {
    const route = parseRoute(hash)
    const again = route.name === 'list' ? listHash(route.filter) : route.name === 'task' ? taskHash(route.id, route.at) : newHash(route.from)
    t.equal(again, hash)
  }
})

t.test('an unknown hash leads to the unfiltered list', async (t) => {
  for (const hash of ['', '#', '#/tasks/../x', '#/tasks/task_1_a/more', '#/else', '#/?status=paused']) t.strictSame(parseRoute(hash), { name: 'list', filter: {} }, hash)
})

t.test('invalid parameters are ignored', async (t) => {
  t.strictSame(parseRoute('#/tasks/task_1_a?at=-1'), { name: 'task', id: 'task_1_a', at: undefined })
  t.strictSame(parseRoute('#/new?from=<b>'), { name: 'new', from: undefined })
})
