import t from 'tap'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../lib/util/units.ts'

t.test('parseDuration() returns ms', async (t) => {
  const table: Array<[text: string, ms: number]> = [
    ['30d', 2_592_000_000], ['12h', 43_200_000], ['90m', 5_400_000], ['3600s', 3_600_000], ['007s', 7000], ['500ms', 500]
  ]
  for (const [text, ms] of table) t.equal(parseDuration(text), ms, text)
})

t.test('parseDuration() rejects zero, fractions, unknown units and texts without a unit', async (t) => {
  for (const text of ['0d', '30', 'd', '', '-1d', '1.5h', '1w', '1D', '1h30m', ' 1h', '999999999999999d']) t.equal(parseDuration(text), undefined, text)
})

t.test('parseSize() returns bytes, in powers of 1024', async (t) => {
  const table: Array<[text: string, bytes: number]> = [
    ['4096', 4096], ['64K', 65_536], ['500M', 524_288_000], ['10G', 10_737_418_240], ['1T', 1_099_511_627_776]
  ]
  for (const [text, bytes] of table) t.equal(parseSize(text), bytes, text)
})

t.test('parseSize() rejects zero, fractions and unknown units', async (t) => {
  for (const text of ['0', '0G', 'G', '', '1g', '1GB', '1.5G', '99999999T']) t.equal(parseSize(text), undefined, text)
})

t.test('durations and sizes are formatted in the largest unit that is exact', async (t) => {
  t.strictSame([0, 1500, 10_000, 5_400_000, 86_400_000].map(formatDuration), ['0 ms', '1500 ms', '10 s', '90 min', '1 d'])
  t.strictSame([1, 1_500_000, 65_536, 2 ** 30].map(formatSize), ['1 B', '1500000 B', '64 KiB', '1 GiB'])
})
