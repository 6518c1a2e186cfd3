import t from 'tap'
import { timeoutOf } from '../../lib/processor/policy/task-input.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

function timeoutOfValue (timeoutMs: unknown): number | undefined {
  return timeoutOf({ timeoutMs } as Task)
}

t.test('a positive integer is a timeout', async (t) => {
  for (const value of [1, 60_000]) t.equal(timeoutOfValue(value), value)
})

t.test('any other value is not a timeout', async (t) => {
  for (const value of [undefined, null, '5', 0, -1, 1.5, NaN]) t.equal(timeoutOfValue(value), undefined, String(value))
})

t.test('a timeout beyond the longest timer is shortened to it', async (t) => {
  t.equal(timeoutOfValue(1e15), 2 ** 31 - 1)
})
