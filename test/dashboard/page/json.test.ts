import t from 'tap'
import { compactJson, formatJson } from '../../../lib/dashboard/page/ui/json.ts'
import { textOf } from '../../../lib/dashboard/page/ui/text.ts'
import { nested } from './nested.ts'

t.test('short JSON is indented', async (t) => {
  t.equal(formatJson({ a: [1, '}"\\', {}] }), '{\n  "a": [\n    1,\n    "}\\"\\\\",\n    {}\n  ]\n}')
})

t.test('JSON that would be very long with indentation is not indented', async (t) => {
  const deep = JSON.stringify(nested(2400))
  t.equal(formatJson(nested(2400)), deep)
  const wide = Array.from({ length: 50_000 }, () => ({}))
  t.equal(formatJson(wide), JSON.stringify(wide))
  t.match(formatJson({ text: '[{,'.repeat(1000) }), /^\{\n/, 'a string counts only its length')
})

t.test('a value that is nested too deeply for the browser has no JSON text', async (t) => {
  t.equal(compactJson(nested(1_000_000)), undefined)
  t.equal(formatJson(nested(1_000_000)), undefined)
  t.equal(textOf(nested(1_000_000)), '…')
})
