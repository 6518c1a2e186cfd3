import { readFileSync } from 'node:fs'
import t from 'tap'
import { parsePolicy } from '../../../lib/processor/policy/parse-policy.ts'
import { PolicyTypeSchema } from '../../../lib/processor/policy/policy-schema.ts'
import { CODE_LOADER_VARIABLES } from '../../../lib/processor/environment.ts'
import { findUser, taskOf } from './fixtures.ts'

const text = readFileSync(new URL('../../../lib/processor/policy/POLICY.md', import.meta.url), 'utf8')
const examples = [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json]) => json!)

t.test('the examples of POLICY.md are valid policies', async (t) => {
  t.equal(examples.length, 2)
  for (const example of examples) await t.resolves(parsePolicy(example, findUser))
})

t.test('the first example of POLICY.md runs and refuses the tasks that the text describes', async (t) => {
  const policy = await parsePolicy(examples[0]!, findUser)
  t.match(policy.plan(taskOf({ type: 'deploy', config: { site: 'shop', tag: 'v1.2' } })), {
    argv: ['/usr/local/bin/deploy', '--site=shop', '--', 'v1.2', ''], user: { name: 'deploy' }
  })
  t.match(policy.plan(taskOf({ type: 'deploy', config: { site: 'shop', tag: 'latest' } })), {
    refused: 'Refused: config/tag must match pattern "^v[0-9.]{1,20}$"'
  })
})

t.test('POLICY.md describes each property of a type', async (t) => {
  for (const name of Object.keys(PolicyTypeSchema.properties)) t.match(text, `| \`${name}\` |`, name)
})

t.test('POLICY.md lists the variables that control which code is loaded', async (t) => {
  const [list = ''] = /^Variables that control which code.*$/m.exec(text) ?? []
  const names = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  t.ok(names.length > 15)
  for (const name of names) t.match(/_$|^(PERL|PYTHON|RUBY)$/.test(name) ? `${name}X` : name, CODE_LOADER_VARIABLES)
  for (const name of CODE_LOADER_VARIABLES.source.match(/[A-Z][A-Z0-9_]+/g) ?? []) t.ok(names.includes(name), name)
})
