import t from 'tap'
import { parseTime } from '../../lib/util/parse-time.ts'

t.test('parseTime() returns the ms since the epoch of an ISO 8601 string', async (t) => {
  t.equal(parseTime('1970-01-01T00:00:01.500Z'), 1500)
  t.equal(parseTime('1970-01-01T01:00:00+01:00'), 0)
})

for (const value of ['', 'yesterday', '2024-13-06T07:08:09Z', 1500, null, undefined, {}, new Date(0)]) {
  t.test(`parseTime() returns undefined for ${value instanceof Date ? 'a Date' : JSON.stringify(value)}`, async (t) => {
    t.equal(parseTime(value), undefined)
  })
}
