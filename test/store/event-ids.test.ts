import t from 'tap'
import { isUpTo, parseEventId } from '../../lib/store.ts'

t.test('parseEventId returns the epoch and the sequence number', async (t) => {
  t.strictSame(parseEventId('k3x-12'), { epoch: 'k3x', sequence: 12 })
})

t.test('parseEventId returns undefined for malformed ids', async (t) => {
  for (const id of ['', 'k3x', 'k3x-', '-12', 'k3x_12', 'K3X-12', 'k3x-12 ', `k3x-${'1'.repeat(16)}`]) t.equal(parseEventId(id), undefined, id)
})

t.test('isUpTo compares sequence numbers, and epochs in base 36', async (t) => {
  const table: Array<[id: string, other: string, result: boolean]> = [
    ['a-1', 'a-1', true], ['a-1', 'a-2', true], ['a-2', 'a-1', false], ['a-9', 'a-10', true],
    ['9-5', 'a-1', true], ['a-1', '9-5', false], ['z-5', '10-1', true], ['x', 'a-1', false], ['a-1', 'x', false]
  ]
  for (const [id, other, result] of table) t.equal(isUpTo(id, other), result, `${id}, ${other}`)
})
