import t from 'tap'
import { formatAge, formatBytes, formatElapsed } from '../../../lib/dashboard/page/ui/format.ts'

t.test('formatElapsed uses one or two units', async (t) => {
  t.strictSame([0, 950, 12_345, 185_000, 7_800_000, 356_400_000].map(formatElapsed), ['0.0 s', '0.9 s', '12 s', '3 min 5 s', '2 h 10 min', '4 d 3 h'])
})

t.test('formatAge uses one unit', async (t) => {
  t.strictSame([-5, 6000, 60_000, 7_200_000, 172_800_000].map(formatAge), ['now', '6 s', '1 min', '2 h', '2 d'])
})

t.test('formatBytes uses powers of 1024', async (t) => {
  t.strictSame([0, 1, 1023, 1024, 1_572_864].map(formatBytes), ['0 bytes', '1 byte', '1023 bytes', '1.0 KiB', '1.5 MiB'])
})
