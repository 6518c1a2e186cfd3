import t from 'tap'
import { checkName } from '../../lib/check/name-rules.ts'

const long = `task_1_${'a'.repeat(100)}`

const names: Array<[name: string, finding?: RegExp]> = [
  ['task_1_a.json'],
  ['.anything'],
  ['.task_x.json'],
  ['.processor.json'],
  ['task_x_a.json', /^error its id is not of the form/],
  ['task_1_.claim', /^error its id is not/],
  ['Task_1_a.b.cancel', /^error its id is not/],
  ['task_1_a\n.log', /^error its id is not/],
  [`${long}.json`, /^error its id is longer than 100 characters$/],
  ['task_1_a.JSON', /^error its extension is not lower case$/],
  ['task_1_a', /^note not part of the protocol$/],
  ['task_1_a.json~', /^note/],
  ['notes.json', /^note/]
]

for (const [name, finding] of names) {
  t.test(`checkName() ${finding === undefined ? 'accepts' : 'reports'} ${JSON.stringify(name)}`, async (t) => {
    const found = checkName(name).map(({ severity, message }) => `${severity} ${message}`)
    t.match(found, finding === undefined ? [] : [finding])
    t.equal(found.length, finding === undefined ? 0 : 1)
  })
}
