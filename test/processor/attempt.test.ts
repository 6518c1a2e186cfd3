import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readBootId } from '../../lib/processor/os/process-stat.ts'
import { Attempt } from '../../lib/processor/state/attempt.ts'
import { makeDirectory } from './fixtures.ts'

t.test('a fact that is appended just before the condition holds is in the record', async (t) => {
  const dir = makeDirectory(t)
  const attempt = Attempt.create(dir, { id: 'task_1_a', bootId: readBootId(), type: 'custom' }, undefined)
  const record = await attempt.until(() => {
    appendFileSync(join(dir, attempt.name), 'unstarted\n')
    return true
  })
  t.equal(record.gate, 'unstarted')
})

// with an offset in characters instead of bytes, the end of the type would be a line of the record
for (const type of ['déploiement', ...[0, 1].map((n) => '日'.repeat(41 + n) + 'exit 0')]) {
  t.test(`an attempt of the type "${type}" has the same record for its writer and its reader`, async (t) => {
    const dir = makeDirectory(t)
    const attempt = Attempt.create(dir, { id: 'task_1_a', bootId: readBootId(), type }, undefined)
    attempt.append('exit 3')
    for (const { record } of [attempt, Attempt.read(dir, attempt.name, readBootId())!]) t.match(record, { header: { type }, exitCode: 3 })
    t.equal(attempt.record.exitCode, 3)
  })
}
