import t from 'tap'
import { MissedChanges } from '../../lib/directory/watch/missed-changes.ts'

const NAME = 'task_1_a.json'

t.test('a change found by a scan counts as missed if no file event follows', async (t) => {
  const missed = new MissedChanges(() => {})
  missed.startScan()
  missed.addFound(NAME)
  t.equal(missed.count, 0, 'before the next tick')
  missed.countOverdue()
  missed.countOverdue()
  t.equal(missed.count, 1)
})

t.test('a change does not count as missed if a file event follows the scan', async (t) => {
  const missed = new MissedChanges(() => {})
  missed.startScan()
  missed.addFound(NAME)
  missed.addEvent(NAME)
  missed.countOverdue()
  t.equal(missed.count, 0)
})

t.test('a change does not count as missed if a file event came during the scan', async (t) => {
  const missed = new MissedChanges(() => {})
  missed.startScan()
  missed.addEvent(NAME)
  missed.addFound(NAME)
  missed.countOverdue()
  t.equal(missed.count, 0)
})

t.test('events before a scan do not explain the changes that it finds', async (t) => {
  const missed = new MissedChanges(() => {})
  missed.addEvent(NAME)
  t.ok(missed.wasReported(NAME))
  missed.startScan()
  t.notOk(missed.wasReported(NAME))
  missed.addFound(NAME)
  missed.countOverdue()
  t.equal(missed.count, 1)
})

t.test('the first missed change is reported once', async (t) => {
  let reports = 0
  const missed = new MissedChanges(() => { reports++ })
  for (const name of [NAME, 'task_2_b.json']) {
    missed.addFound(name)
    missed.countOverdue()
  }
  t.strictSame([reports, missed.count], [1, 2])
})
