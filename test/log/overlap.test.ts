import t from 'tap'
import { Overlap } from '../../lib/log/overlap.ts'

t.test('Overlap removes the expected bytes at the beginning of a stream', async (t) => {
  const table: Array<[expected: string, chunks: string[], results: Array<string | undefined>]> = [
    ['', ['abc', 'def'], ['abc', 'def']],
    ['ab', ['abc', 'def'], ['c', 'def']],
    ['ab', ['ab', 'cd'], ['', 'cd']],
    ['abc', ['a', 'b', 'cd', 'e'], ['', '', 'd', 'e']],
    ['ab', ['a'], ['']],
    ['ab', ['abab', 'ab'], ['ab', 'ab']],
    // the overlap is compared when it is complete
    ['ab', ['x'], ['']],
    ['ab', ['x', 'yz'], ['', undefined]],
    ['ab', ['aBc'], [undefined]]
  ]
  for (const [expected, chunks, results] of table) {
    const overlap = new Overlap(Buffer.from(expected))
    t.strictSame(chunks.map((chunk) => overlap.remove(Buffer.from(chunk))?.toString()), results, `${expected}: ${chunks.join(', ')}`)
  }
})
