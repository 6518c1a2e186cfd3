import t from 'tap'
import { matchesTag } from '../../lib/routes/entity-tag.ts'

t.test('matchesTag compares the tags of an If-None-Match header weakly', async (t) => {
  const table: Array<[header: string | undefined, matches: boolean]> = [
    [undefined, false], ['', false], ['"a"', true], ['W/"a"', true], [' "a" ', true], ['*', true], ['"b"', false], ['"b", "a"', true],
    ['"b",W/"a"', true], ['a', false], ['"A"', false], ['"a', false], ['w/"a"', false], ['"b", *', false]
  ]
  for (const [header, matches] of table) t.equal(matchesTag(header, '"a"'), matches, String(header))
  t.equal(matchesTag('"a"', 'W/"a"'), true)
})
