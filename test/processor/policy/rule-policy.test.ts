import t, { type Test } from 'tap'
import type { Policy } from '../../../lib/processor/policy/policy.ts'
import { DEEP, policyOf, taskOf } from './fixtures.ts'

type Fields = Record<string, unknown> | string

/** Each task is rejected with a reason that matches and is short. */
function refuses (t: Test, policy: Policy, table: Array<[task: Fields, reason: RegExp | string]>): void {
  for (const [fields, pattern] of table) {
    const plan = policy.plan(taskOf(fields))
    const reason = 'refused' in plan ? plan.refused : 'not refused'
    if (typeof pattern === 'string') t.equal(reason, pattern)
    else t.match(reason, pattern)
    t.ok(reason.length < 320, 'the reason is short')
  }
}

t.test('a task becomes a program with arguments, environment and settings', async (t) => {
  const policy = await policyOf({
    deploy: {
      argv: ['/usr/local/bin/deploy', '--site={config.site}', '--', '{config.tag}', '{config.note?}'],
      config: { type: 'object', properties: { site: { type: 'string' }, tag: { type: 'string' }, note: { type: 'string' } }, required: ['site', 'tag'], additionalProperties: false },
      cwd: '/srv/site',
      env: { SITE: '{config.site}', BRACES: '{{}}', HOME: '/var/lib/deploy' },
      user: 'deploy'
    }
  })
  const config = { site: 'a b; rm -rf /', tag: '--force' }
  t.strictSame(policy.plan(taskOf({ type: 'deploy', app: 'shop', config, command: 'echo never' })), {
    argv: ['/usr/local/bin/deploy', '--site=a b; rm -rf /', '--', '--force', ''],
    type: 'deploy',
    env: {
      HOME: '/var/lib/deploy',
      USER: 'deploy',
      LOGNAME: 'deploy',
      SITE: 'a b; rm -rf /',
      BRACES: '{}',
      TASK_ID: 'task_1_a',
      TASK_TYPE: 'deploy',
      TASK_APP: 'shop',
      TASK_CONFIG: JSON.stringify(config)
    },
    cwd: '/srv/site',
    user: { name: 'deploy', uid: 1001, gid: 1002, home: '/home/deploy' }
  })
})

t.test('a shell type runs the command of the task', async (t) => {
  const policy = await policyOf({ shell: { shell: true, timeoutMs: 60_000 } })
  t.strictSame(policy.plan(taskOf({ type: 'shell' })), {
    shell: 'echo own', type: 'shell', env: { TASK_ID: 'task_1_a', TASK_TYPE: 'shell', TASK_APP: '' }, timeoutMs: 60_000
  })
})

t.test('the smaller time limit applies, of the task or of its type', async (t) => {
  const policy = await policyOf({ x: { argv: ['true'], timeoutMs: 1000 } })
  for (const [timeoutMs, applied] of [[5000, 1000], [7, 7], ['never', 1000]]) t.match(policy.plan(taskOf({ timeoutMs })), { timeoutMs: applied })
})

t.test('concurrencyOf() returns the limit of a type', async (t) => {
  const policy = await policyOf({ x: { argv: ['true'], concurrency: 2 }, y: { argv: ['true'] } })
  t.strictSame(['x', 'y', 'constructor'].map((type) => policy.concurrencyOf(type)), [2, undefined, undefined])
})

t.test('unknown types are refused', async (t) => {
  const policy = await policyOf({ shell: { shell: true } })
  refuses(t, policy, [
    [{ type: 'none' }, 'Refused: the policy has no type "none".'],
    [{ type: '' }, /no type ""/], [{ type: ['shell'] }, 'Refused: the type must be a string.'], [{ type: undefined }, /no type "custom"/],
    ...['__proto__', 'constructor', 'toString', 'Shell', 'shell '].map((type): [Fields, RegExp] => [{ type }, /^Refused: the policy has no type/])
  ])
})

t.test('a reason contains no control characters and is truncated', async (t) => {
  const policy = await policyOf({ x: { argv: ['true'], config: { type: 'object', additionalProperties: false } } })
  refuses(t, policy, [
    [{ type: 'a\n\u001b[2J\u202e' }, /^Refused: the policy has no type "a\uFFFD\uFFFD\[2J\uFFFD"/],
    [{ type: 'y'.repeat(1e6) }, /^Refused: the policy has no type "y{99}…"\.$/],
    [{ config: { ['y'.repeat(1e5) + '\n']: 1 } }, /^Refused: config must NOT have additional properties: "y+…$/]
  ])
})

t.test('missing values of placeholders are refused', async (t) => {
  const policy = await policyOf({ x: { argv: ['rm', '-rf', '/srv/{config.name}'] } })
  refuses(t, policy, [
    [{}, 'Refused: {config.name} is missing or empty.'], [{ config: { name: '' } }, /missing or empty/], [{ config: { name: null } }, /missing or empty/],
    [{ config: 'name' }, /missing or empty/], ['{"config":{"__proto__":{"name":"x"}}}', /missing or empty/]
  ])
})

t.test('values with a NUL byte are refused', async (t) => {
  const policy = await policyOf({ x: { argv: ['echo', '{config.name}'] }, shell: { shell: true } })
  refuses(t, policy, [
    [{ config: { name: 'a\0b' } }, /NUL/], [{ config: { name: 'a' }, app: '\0' }, /NUL/], [{ type: 'shell', command: 'a\0' }, /NUL/]
  ])
})

t.test('an argument that would start with "-" because of a value is refused', async (t) => {
  const policy = await policyOf({ x: { argv: ['cat', '{config.a?}{config.b?}', 'x{config.c?}'] } })
  refuses(t, policy, [
    [{ config: { a: '--output=/etc/passwd' } }, /^Refused: \{config\.a\?\} starts with "-"/], [{ config: { a: '', b: '-' } }, /\{config\.b\?\} starts/],
    [{ config: { a: -1 } }, /starts with "-"/]
  ])
  t.match(policy.plan(taskOf({ config: { c: '-x' } })), { argv: ['cat', '', 'x-x'] }, 'a literal before the value')
})

t.test('a config that does not match the schema is refused', async (t) => {
  const policy = await policyOf({
    x: {
      argv: ['true'],
      config: { type: 'object', properties: { site: { type: 'string', pattern: '^[a-z]+$', maxLength: 10 }, mode: { enum: ['fast', 'safe'] } }, required: ['site'], additionalProperties: false }
    }
  })
  refuses(t, policy, [
    [{}, 'Refused: config must have required property \'site\''], [{ config: 'site' }, 'Refused: config must be object'],
    [{ config: { site: 'A' } }, 'Refused: config/site must match pattern "^[a-z]+$"'], [{ config: { site: 5 } }, /config\/site must be string/],
    [{ config: { site: 'a', mode: 'x' } }, /config\/mode must be equal to one of the allowed values: \["fast","safe"\]$/],
    ['{"config":{"site":"a","__proto__":{}}}', /must NOT have additional properties: "__proto__"$/],
    [{ config: { site: 'a'.repeat(1e6) } }, /must NOT have more than 10 characters/]
  ])
})

t.test('a schema does not see inherited properties', async (t) => {
  const policy = await policyOf({ x: { argv: ['true'], config: { type: 'object', required: ['constructor'], properties: { toString: { type: 'string' } } } } })
  refuses(t, policy, [[{}, /required property 'constructor'/]])
  t.match(policy.plan(taskOf({ config: { constructor: 1 } })), { argv: ['true'] })
})

t.test('a config that is nested too deeply is refused', async (t) => {
  const policy = await policyOf({
    tree: { argv: ['true'], config: { $ref: '#/definitions/node', definitions: { node: { type: 'array', items: { $ref: '#/definitions/node' } } } } }
  })
  refuses(t, policy, [[`{"type":"tree","config":${DEEP}}`, 'Refused: the config is nested too deeply.']])
})

t.test('a shell type refuses a task without a command', async (t) => {
  const policy = await policyOf({ x: { shell: true } })
  refuses(t, policy, [[{ command: ' ' }, 'Refused: The command is empty.'], [{ command: ['echo'] }, /The command is empty/]])
})

t.test('an absent config is an empty object if the schema requires an object, else the empty string', async (t) => {
  const policy = await policyOf({
    object: { argv: ['echo', '{config}'], config: { type: 'object', properties: {} } },
    text: { argv: ['echo', '{config?}'], config: { type: 'string' } }
  })
  for (const config of ['', undefined]) {
    t.match(policy.plan(taskOf({ type: 'object', config })), { argv: ['echo', '{}'] })
    t.match(policy.plan(taskOf({ type: 'text', config })), { argv: ['echo', ''] })
  }
  t.match(policy.plan(taskOf({ type: 'object', config: null })), { refused: 'Refused: config must be object' })
})
