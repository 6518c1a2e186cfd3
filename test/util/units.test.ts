import t from 'tap'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../lib/util/units.ts'

const durations: Array<[text: string, ms: number | undefined]> = [
  ['500ms', 500],
  ['10s', 10_000],
  ['90m', 5_400_000],
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
  ['3600s', 3_600_000],
  ['007s', 7000],
  ['10', undefined],
  ['0s', undefined],
  ['s', undefined],
  ['', undefined],
  ['1.5h', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['1D', undefined],
  ['1w', undefined],
  ['1h30m', undefined],
  [' 1h', undefined],
  ['0d', undefined],
  ['1min', undefined],
  ['1s\n', undefined],
  ['104249991d', 104_249_991 * 86_400_000],
  ['104249992d', undefined],
  ['999999999999999d', undefined]
]

for (const [text, ms] of durations) {
  t.test(`parseDuration() returns ${ms} for ${JSON.stringify(text)}`, async (t) => {
    t.equal(parseDuration(text), ms)
  })
}

const sizes: Array<[text: string, bytes: number | undefined]> = [
  ['4096', 4096],
  ['64K', 65_536],
  ['500M', 524_288_000],
  ['10G', 10_737_418_240],
  ['1T', 1_099_511_627_776],
  ['0', undefined],
  ['0G', undefined],
  ['', undefined],
  ['G', undefined],
  ['1g', undefined],
  ['1GB', undefined],
  ['1.5G', undefined],
  ['8191T', 8191 * 2 ** 40],
  ['8192T', undefined],
  ['1234567890123456', undefined]
]

for (const [text, bytes] of sizes) {
  t.test(`parseSize() returns ${bytes} for ${JSON.stringify(text)}`, async (t) => {
    t.equal(parseSize(text), bytes)
  })
}

const formattedDurations: Array<[ms: number, text: string]> = [
  [1, '1 ms'],
  [1500, '1500 ms'],
  [10_000, '10 s'],
  [5_400_000, '90 min'],
  [43_200_000, '12 h'],
  [86_400_000, '1 d'],
  [0, '0 ms']
]

for (const [ms, text] of formattedDurations) {
  t.test(`formatDuration() writes ${ms} as ${text}`, async (t) => {
    t.equal(formatDuration(ms), text)
  })
}

const formattedSizes: Array<[bytes: number, text: string]> = [
  [0, '0 B'],
  [1, '1 B'],
  [1000, '1000 B'],
  [1_500_000, '1500000 B'],
  [65_536, '64 KiB'],
  [1_572_864, '1536 KiB'],
  [2 ** 20, '1 MiB'],
  [2 ** 30, '1 GiB'],
  [2 ** 40, '1 TiB']
]

for (const [bytes, text] of formattedSizes) {
  t.test(`formatSize() writes ${bytes} as ${text}`, async (t) => {
    t.equal(formatSize(bytes), text)
  })
}
