import t from 'tap'
import { indentJson } from '../../lib/shared/indent-json.ts'

t.test('indentJson() indents as JSON.stringify() does', async (t) => {
  for (const value of [
    {}, [], 0, 'a', null, { a: 1 }, [1], [[]], [{}], [[], {}], { a: [], b: {} }, { a: [1, { b: [true, false, null] }], c: 'x' },
    { 'a"b\\': '{"c": [1, 2]}\\', ',:[]{}': '\n,:\u2028"' }, ['\\"', '\\\\', '"', '']
  ]) t.equal(indentJson(JSON.stringify(value)), JSON.stringify(value, null, 2))
})

t.test('indentJson() keeps numbers and the order of members', async (t) => {
  t.equal(indentJson('{"2":1.0,"1":12345678901234567890}'), '{\n  "2": 1.0,\n  "1": 12345678901234567890\n}')
})
