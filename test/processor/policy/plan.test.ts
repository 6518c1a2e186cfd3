import t from 'tap'
import { anyCommand } from '../../../lib/processor/policy/any-command.ts'
import type { Plan } from '../../../lib/processor/policy/policy.ts'
import type { Task } from '../../../lib/shared/task-schema.ts'
import { DEEP, policyOf, taskOf } from './fixtures.ts'

/** JSON texts of values that no field of a task should have. */
const HOSTILE = [
  'null', 'true', '0', '-1', '1e308', '1e999', '""', '" "', '"\\u0000"', '"\\ud800"', '"--help"', '"__proto__"', '"constructor"', '[]', '[[]]', '{}',
  '{"length":-1}', '{"toString":1,"valueOf":2,"toJSON":3}', '{"__proto__":{"config":1}}', JSON.stringify('x'.repeat(1e5)),
  JSON.stringify({ ['k'.repeat(1e5)]: 1 })
]
const FIELDS = ['command', 'type', 'app', 'config', 'timeoutMs', 'createdAt', 'status', '__proto__', 'constructor', 'toString']
const TYPES = ['x', 'shell', 'tree', 'pattern', 'unique', 'other']

const rules = await policyOf({
  x: { argv: ['echo', '{id}{type}{app?}', '{config?}', '{config.a.b?}'], env: { A: '{config?}' }, timeoutMs: 1000 },
  shell: { shell: true, config: { type: ['object', 'array', 'string', 'number', 'boolean', 'null'], maxLength: 10 } },
  tree: { argv: ['true'], config: { $ref: '#/definitions/node', definitions: { node: { items: { $ref: '#/definitions/node' }, type: ['array', 'string'] } } } },
  pattern: { argv: ['true'], config: { type: 'string', pattern: '^(a|b)$' } },
  unique: { argv: ['true'], config: { type: 'array', uniqueItems: true, items: { type: ['array', 'object'] } } }
})
const policies = { 'a policy file': rules, 'any command': anyCommand }

function isUsable (plan: Plan): boolean {
  if ('refused' in plan) return typeof plan.refused === 'string' && plan.refused !== ''
  return [...Object.values(plan.env), ...'argv' in plan ? plan.argv : [plan.shell]].every((text) => typeof text === 'string' && !text.includes('\0'))
}

for (const [name, policy] of Object.entries(policies)) {
  /** Descriptions of the tasks for which the policy throws, or returns neither a program nor a reason. */
  const failuresOf = (tasks: Iterable<readonly [description: string, task: Task]>): string[] => {
    const failures: string[] = []
    for (const [description, task] of tasks) {
      try {
        if (!isUsable(policy.plan(task))) failures.push(description)
      } catch (error) {
        failures.push(`${description}: ${String(error)}`)
      }
    }
    return failures
  }

  t.test(`plan() of ${name} returns a program or a reason for a field of any JSON type`, async (t) => {
    for (const type of TYPES) {
      t.strictSame(failuresOf(FIELDS.flatMap((field) => HOSTILE.map((value) =>
        [`${field} ${value.slice(0, 30)}`, taskOf(`{"type":"${type}","${field}":${value}}`)] as const))), [], type)
    }
  })

  t.test(`plan() of ${name} returns a program or a reason for a field that is nested too deeply`, async (t) => {
    for (const type of TYPES) t.strictSame(failuresOf([['config', taskOf(`{"type":"${type}","config":${DEEP}}`)]]), [], type)
    for (const field of ['command', 'type', 'app', 'timeoutMs']) t.strictSame(failuresOf([[field, taskOf(`{"${field}":${DEEP}}`)]]), [], field)
  })

  t.test(`plan() of ${name} returns a program or a reason for a missing field`, async (t) => {
    t.strictSame(failuresOf(FIELDS.map((field) => [field, taskOf({ [field]: undefined })] as const)), [])
  })
}
