import t from 'tap'
import { parseRange } from '../../../lib/routes/log/range-header.ts'

t.test('parseRange returns the byte range of a Range header', async (t) => {
  const table: Array<[header: string | undefined, size: number, range: ReturnType<typeof parseRange>]> = [
    [undefined, 10, undefined],
    ['bytes=0-0', 10, { start: 0, end: 1 }],
    ['bytes=2-5', 10, { start: 2, end: 6 }],
    ['Bytes=2-5', 10, { start: 2, end: 6 }],
    ['bytes= 2-5\t', 10, { start: 2, end: 6 }],
    ['bytes=2-', 10, { start: 2, end: 10 }],
    ['bytes=9-', 10, { start: 9, end: 10 }],
    ['bytes=2-99', 10, { start: 2, end: 10 }],
    ['bytes=-3', 10, { start: 7, end: 10 }],
    ['bytes=-10', 10, { start: 0, end: 10 }],
    ['bytes=-99', 10, { start: 0, end: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=10-12', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=-00', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=5-2', 10, undefined],
    ['bytes=-', 10, undefined],
    ['bytes=', 10, undefined],
    ['bytes', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['bytes=a-b', 10, undefined],
    ['bytes=1.5-2', 10, undefined],
    ['bytes=+1-2', 10, undefined],
    ['bytes=--1', 10, undefined],
    ['bytes=0-1 x', 10, undefined],
    ['lines=0-1', 10, undefined],
    ['xbytes=0-1', 10, undefined],
    [`bytes=0-${'9'.repeat(400)}`, 10, undefined]
  ]
  for (const [header, size, range] of table) t.strictSame(parseRange(header, size), range, `${header?.slice(0, 40)} of ${size}`)
})
