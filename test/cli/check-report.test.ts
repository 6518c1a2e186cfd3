import t from 'tap'
import { formatJson, formatText } from '../../lib/cli/check-report.ts'

const name = 'a\u001b[2J\n\u0085\u202e\u2028\u{e0001}ü🙂'
const report = { tasks: 0, findings: [{ severity: 'note' as const, name, message: 'm\u007f' }] }

t.test('formatText() escapes control characters in names and messages', async (t) => {
  t.equal(formatText(report).split('\n')[0], 'note: a\\u001b[2J\\u000a\\u0085\\u202e\\u2028\\udb40\\udc01ü🙂: m\\u007f')
})

t.test('formatJson() escapes control characters, and the JSON has the same values', async (t) => {
  const json = formatJson(report)
  t.notMatch(json, /[\p{C}\u2028](?!$)/u)
  t.match(JSON.parse(json), { findings: [{ name, message: 'm\u007f' }] })
})
