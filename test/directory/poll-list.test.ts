import t from 'tap'
import { PollList } from '../../lib/directory/watch/poll-list.ts'

function startPollList (): { list: PollList, polled: Set<string>, names: () => string[] } {
  const polled = new Set<string>()
  const list = new PollList('/d', { add: (path) => { polled.add(path) }, remove: (path) => { polled.delete(path) } })
  return { list, polled, names: () => [...polled].map((path) => path.slice(3)) }
}

const CHANGING = { isChanging: true, hasLog: false }

t.test('files are polled only once file events may be missing', async (t) => {
  const { list, names } = startPollList()
  list.update('task_1_a', { isChanging: true, hasLog: true })
  list.update('task_2_b', { isChanging: false, hasLog: true })
  t.strictSame(names(), [])
  t.equal(list.isEnabled, false)
  list.enable()
  t.strictSame(names(), ['task_1_a.json', 'task_1_a.log'])
  t.equal(list.size, 2)
  list.update('task_2_b', CHANGING)
  list.remove('task_1_a')
  t.strictSame(names(), ['task_2_b.json'])
})

t.test('a file that the poller has forgotten is added again', async (t) => {
  const { list, polled, names } = startPollList()
  list.enable()
  list.update('task_1_a', CHANGING)
  polled.clear()
  list.update('task_1_a', CHANGING)
  t.strictSame(names(), ['task_1_a.json'])
})

t.test('at most 500 files are polled; others take the places that become free', async (t) => {
  const { list, names } = startPollList()
  for (let index = 0; index < 300; index++) list.update(`task_${index}_a`, CHANGING)
  list.enable()
  for (let index = 300; index < 700; index++) list.update(`task_${index}_a`, CHANGING)
  t.equal(list.size, 500)
  for (let index = 0; index < 150; index++) list.remove(`task_${index}_a`)
  t.strictSame(names(), Array.from({ length: 500 }, (_, index) => `task_${index + 150}_a.json`))
  for (let index = 150; index < 700; index++) list.remove(`task_${index}_a`)
  t.strictSame(names(), [])
})
