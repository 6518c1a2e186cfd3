import { readFileSync } from 'node:fs'
import t from 'tap'
import { errorCode } from '../../lib/util/error-code.ts'

t.test('errorCode() returns the code of a system error', async (t) => {
  try {
    readFileSync('/none')
  } catch (error) {
    t.equal(errorCode(error), 'ENOENT')
  }
  t.plan(1)
})

for (const value of [new Error('x'), undefined, null, 'ENOENT', 1]) {
  t.test(`errorCode() returns UNKNOWN for ${String(value)}`, async (t) => {
    t.equal(errorCode(value), 'UNKNOWN')
  })
}
