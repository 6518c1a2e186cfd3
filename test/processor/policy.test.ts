import t from 'tap'
import { parsePolicy } from '../../lib/processor/policy/parse-policy.ts'
import { anyCommand, type Policy } from '../../lib/processor/policy/policy.ts'
import { infoText } from '../../lib/processor/policy/publish.ts'
import { fillTemplate, parseTemplate } from '../../lib/processor/policy/template.ts'
import type { Task } from '../../lib/shared/task-schema.ts'

const findUser = async (name: string) => {
  if (name === 'nobody-here') throw new Error('there is no user nobody-here')
  return { name, uid: 1001, gid: 1002, home: '/home/deploy' }
}

async function policyOf (types: unknown): Promise<Policy> {
  return await parsePolicy(JSON.stringify({ types }), findUser)
}

/** As it comes out of a file: `__proto__` is a property like any other there. */
function taskOf (fields: Record<string, unknown> | string = {}): Task {
  const own = typeof fields === 'string' ? JSON.parse(fields) : fields
  return { id: 'task_1_a', command: 'echo own', type: 'x', app: null, config: '', status: 'queued', ...own }
}

t.test('templates that are filled', async (t) => {
  const config = JSON.parse('{"s":"text","n":-1.5,"zero":0,"no":false,"a":["x",["y"]],"o":{"b":{"c":"deep"}},"-k_1":"odd","empty":"","nil":null,"__proto__":{"x":"own"}}')
  const values = { id: 'task_1_a', type: 'deploy', app: 'shop', config }
  const table: Array<[template: string, text: string]> = [
    ['', ''], ['plain', 'plain'], ['{id} {type}/{app}', 'task_1_a deploy/shop'],
    ['{config.s}', 'text'], ['a{config.n}b', 'a-1.5b'], ['{config.zero}{config.no}', '0false'],
    ['{config.a}', '["x",["y"]]'], ['{config.a.0}', 'x'], ['{config.a.1.0}', 'y'], ['{config.o}', '{"b":{"c":"deep"}}'],
    ['{config.o.b.c}', 'deep'], ['{config.-k_1}', 'odd'], ['{config}', JSON.stringify(config)],
    ['{{config}}', '{config}'], ['{{{config.s}}}', '{text}'], ['}}{{', '}{'],
    ['{config.empty?}', ''], ['[{config.nil?}{config.none?}{config.s.length?}]', '[]'], ['{config.s?}', 'text'],
    // of the file itself, not of a prototype
    ['{config.__proto__.x}', 'own']
  ]
  for (const [template, text] of table) t.equal(fillTemplate(parseTemplate(template), values), text, template)
  t.equal(fillTemplate(parseTemplate('{config}'), { ...values, config: 'a "b"' }), '"a \\"b\\""')
  t.equal(fillTemplate(parseTemplate('$(id) `id` {config.s}'), { ...values, config: { s: '{id} {{ $(rm) %s' } }), '$(id) `id` {id} {{ $(rm) %s', 'values are not read again')
})

t.test('templates with a value that is missing', async (t) => {
  const config = { s: 'text', empty: '', nil: null, list: ['x'], nul: 'a\0b', dash: '-rf' }
  const values = { id: 'task_1_a', type: 'deploy', app: null, config }
  const names = ['config.empty', 'config.nil', 'config.none', 'config.s.length', 'config.list.length', 'config.list.1', 'app', 'config.none.x.y',
    'config.__proto__', 'config.__proto__.x', 'config.constructor', 'config.constructor.name', 'config.toString', 'config.hasOwnProperty']
  for (const name of names) {
    t.throws(() => fillTemplate(parseTemplate(`/srv/{${name}}`), values), { code: 'REFUSED', message: `{${name}} is missing or empty.` }, name)
  }
  for (const config of ['', null, undefined]) t.throws(() => fillTemplate(parseTemplate('{config}'), { ...values, config }), { code: 'REFUSED' })
  t.throws(() => fillTemplate(parseTemplate('{config.nul}'), values), { code: 'REFUSED', message: /^\{config\.nul\} holds a NUL byte/ })
})

t.test('templates that are wrong', async (t) => {
  for (const text of ['{', '}', 'a{b', '{}', '{ config}', '{config.}', '{config..a}', '{config.a b}', '{conf}', '{id.x}', '{config.a??}', '{?}', '{config[0]}', '{{config}', '{env.HOME}', '{config.{id}}', '\0']) {
    t.throws(() => parseTemplate(text), Error, text)
  }
})

t.test('policies that are wrong: the message names the place', async (t) => {
  const argv = ['true']
  const table: Array<[types: unknown, message: RegExp]> = [
    [undefined, /^types: /], [[], /^types: .*types by their names/], [{ '': { argv } }, /^types/], [{ 'a\nb': { argv } }, /^types/],
    [{ x: 5 }, /^types\/x: /], [{ x: {} }, /^types\/x: needs exactly one of argv and shell/], [{ x: { argv, shell: true } }, /exactly one/],
    [{ x: { shell: false } }, /^types\/x\/shell: must be true/], [{ x: { argv, color: 1 } }, /^types\/x\/color: Unexpected/],
    [{ x: { argv: [] } }, /^types\/x\/argv: must be a program and its arguments/], [{ x: { argv: 'true' } }, /^types\/x\/argv: /],
    [{ x: { argv: ['true', 5] } }, /^types\/x\/argv\/1: /], [{ x: { argv: ['true', '{nothing}'] } }, /^types\/x\/argv\/1: \{nothing\} is no placeholder/],
    [{ x: { argv: ['true', 'a}'] } }, /^types\/x\/argv\/1: a single "\}"/], [{ x: { argv: ['{config.program}'] } }, /^types\/x\/argv\/0: .*can't depend/],
    [{ x: { argv: ['bin/true'] } }, /^types\/x\/argv\/0: must be an absolute path/], [{ x: { argv: ['./true'] } }, /absolute/],
    [{ x: { argv: ['/a=b/run'] } }, /^types\/x\/argv\/0: a program's name can't hold "="/],
    [{ x: { argv: [''] } }, /absolute/], [{ x: { argv: ['-c'] } }, /absolute/], [{ x: { argv: ['tr\0ue'] } }, /^types\/x\/argv\/0: it holds a NUL/],
    [{ x: { argv: ['sh', '-c', 'rm {config.x}'] } }, /^types\/x\/argv\/2: a value can't become part of a script/],
    [{ x: { argv: ['python3', '-W', 'ignore', '-c', '{config.x}'] } }, /^types\/x\/argv\/4: /],
    [{ x: { argv: ['bash', '--rcfile', '/dev/null', '-c', '{config.x}'] } }, /^types\/x\/argv\/4: /],
    [{ x: { argv: ['/usr/bin/bash', '-x', '-ec', '--', 'rm {config.x}', 'b'] } }, /^types\/x\/argv\/4: /],
    ...[
      ['sh', '+x', '-c', 'echo {config.x}'], ['sh', '-c', '+x', 'echo {config.x}'], ['bash', '-c', '-o', 'pipefail', 'echo {config.x}'], ['bash', '-c{config.x}'],
      ['env', 'sh', '-c', '{config.x}'], ['busybox', 'sh', '-c', '{config.x}'], ['csh', '-c', '{config.x}'], ['python3', '-c', 'print({config.x})'],
      ['node', '--eval={config.x}'], ['perl', '-ne', '{config.x}']
    ].map((argv): [object, RegExp] => [{ x: { argv } }, /^types\/x\/argv\/\d: a value can't become part of a script/]),
    ...['BASH_ENV', 'NODE_OPTIONS', 'PYTHONPATH', 'PERL5OPT', 'GIT_SSH_COMMAND']
      .map((name): [object, RegExp] => [{ x: { argv, env: { [name]: '{config.x}' } } }, /can't depend on the task/]),
    [{ x: { argv, cwd: 'srv' } }, /^types\/x\/cwd: must be an absolute path/], [{ x: { argv, timeoutMs: 0 } }, /^types\/x\/timeoutMs: must be a positive/],
    [{ x: { argv, concurrency: '1' } }, /^types\/x\/concurrency: /], [{ x: { argv, title: '' } }, /^types\/x\/title: /],
    [{ x: { argv, env: { 'A-B': 'x' } } }, /^types\/x\/env/], [{ x: { argv, env: { A: 5 } } }, /^types\/x\/env\/A: /],
    [{ x: { argv, env: { A: '{b}' } } }, /^types\/x\/env\/A: \{b\} is no placeholder/], [{ x: { argv, env: { TASK_ID: 'x' } } }, /^types\/x\/env\/TASK_ID: .*own/],
    [{ x: { argv, env: { PATH: '{config.x}' } } }, /^types\/x\/env\/PATH: can't depend/], [{ x: { argv, env: { LD_PRELOAD: '{app}' } } }, /LD_PRELOAD: can't/],
    [{ x: { argv, user: '0' } }, /^types\/x\/user: must be the name/], [{ x: { argv, user: '--help' } }, /^types\/x\/user: /],
    [{ x: { argv, user: 'nobody-here' } }, /^types\/x\/user: there is no user nobody-here/],
    [{ x: { argv, config: { type: 'strange' } } }, /^types\/x\/config: /], [{ x: { argv, config: { tpye: 'object' } } }, /^types\/x\/config: .*tpye/],
    [{ x: { argv, config: { type: 'string', format: 'email' } } }, /^types\/x\/config: .*email/], [{ x: { argv, config: true } }, /^types\/x\/config: must be a JSON schema/],
    [{ x: { argv, config: { $async: true, type: 'object' } } }, /^types\/x\/config: .*asynchronous/], [{ x: { argv, config: { $ref: 'https://example.com/x' } } }, /^types\/x\/config: .*example/],
    [{ x: { argv, config: { type: 'string', pattern: '(' } } }, /^types\/x\/config: /]
  ]
  for (const [types, message] of table) await t.rejects(policyOf(types), { code: 'POLICY', message }, JSON.stringify(types))
  for (const text of ['', '{', 'null', '[]', '{"types":{},"extra":1}', '{"__proto__":{"types":{}}}']) await t.rejects(parsePolicy(text, findUser), { code: 'POLICY' }, text)
})

t.test('accepts placeholders after a script, or as arguments of other programs', async (t) => {
  for (const argv of [
    ['sh', '-c', 'echo "$1"', 'sh', '{config.x}'], ['bash', '-e', '/srv/run', '{config.x}'], ['python3', '/srv/run.py', '-c', '{config.x}'],
    ['deploy', '-c', '{config.x}'], ['bash', '-o', 'pipefail', '-c', 'true', '{config.x}']
  ]) await t.resolves(policyOf({ x: { argv } }), argv.join(' '))
})

t.test('a task becomes a program and its arguments', async (t) => {
  const policy = await policyOf({
    deploy: {
      argv: ['/usr/local/bin/deploy', '--site={config.site}', '--', '{config.tag}', '{config.note?}'],
      config: { type: 'object', properties: { site: { type: 'string' }, tag: { type: 'string' }, note: { type: 'string' } }, required: ['site', 'tag'], additionalProperties: false },
      cwd: '/srv/site',
      env: { SITE: '{config.site}', BRACES: '{{}}', HOME: '/var/lib/deploy' },
      user: 'deploy',
      timeoutMs: 1000,
      concurrency: 2
    }
  })
  const config = { site: 'a b; rm -rf /', tag: '--force' }
  const plan = policy.plan(taskOf({ type: 'deploy', app: 'shop', config, command: 'echo never', timeoutMs: 5000 }))
  t.strictSame(plan, {
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
    user: { name: 'deploy', uid: 1001, gid: 1002, home: '/home/deploy' },
    timeoutMs: 1000
  })
  t.match(policy.plan(taskOf({ type: 'deploy', config, timeoutMs: 7 })), { timeoutMs: 7 })
  t.match(policy.plan(taskOf({ type: 'deploy', config, timeoutMs: 'never', command: 5 })), { timeoutMs: 1000 })
  t.equal(policy.concurrencyOf('deploy'), 2)
  t.equal(policy.concurrencyOf('constructor'), undefined)
})

t.test('tasks that are refused', async (t) => {
  const policy = await policyOf({
    remove: { argv: ['rm', '-rf', '/srv/{config.name}'] },
    open: { argv: ['cat', '{config.a?}{config.b?}', 'x{config.c?}'] },
    checked: {
      argv: ['true'],
      config: { type: 'object', properties: { site: { type: 'string', pattern: '^[a-z]+$', maxLength: 10 }, mode: { enum: ['fast', 'safe'] } }, required: ['site'], additionalProperties: false }
    },
    inherited: { argv: ['true'], config: { type: 'object', required: ['constructor'], properties: { toString: { type: 'string' } } } },
    tree: { argv: ['true'], config: { $ref: '#/definitions/node', definitions: { node: { type: 'array', items: { $ref: '#/definitions/node' } } } } },
    shell: { shell: true, timeoutMs: 60_000 }
  })
  const table: Array<[task: Record<string, unknown> | string, refused: RegExp]> = [
    [{ type: 'none' }, /^Refused: there is no type "none" in the policy\.$/],
    [{ type: '' }, /no type ""/], [{ type: ['shell'] }, /no type ""/], [{ type: undefined }, /no type "custom"/],
    ...['__proto__', 'constructor', 'toString', 'Shell', 'shell '].map((type): [Record<string, unknown>, RegExp] => [{ type }, /^Refused: there is no type/]),
    [{ type: 'a\n\u001b[2J\u202e' }, /^Refused: there is no type "a\uFFFD\uFFFD\[2J\uFFFD"/], [{ type: 'x'.repeat(1e6) }, /^Refused: there is no type "x{99}…" in the policy\.$/],
    [{ type: 'remove' }, /^Refused: \{config\.name\} is missing or empty\.$/], [{ type: 'remove', config: { name: '' } }, /missing or empty/],
    [{ type: 'remove', config: { name: null } }, /missing or empty/], [{ type: 'remove', config: 'name' }, /missing or empty/],
    ['{"type":"remove","config":{"__proto__":{"name":"x"}}}', /missing or empty/],
    [{ type: 'remove', config: { name: 'a\0b' } }, /NUL/], [{ type: 'remove', config: { name: 'a' }, app: '\0' }, /NUL/],
    [{ type: 'open', config: { a: '--output=/etc/passwd' } }, /^Refused: \{config\.a\?\} begins with "-"/], [{ type: 'open', config: { a: '', b: '-' } }, /\{config\.b\?\} begins/],
    [{ type: 'open', config: { a: -1 } }, /begins with "-"/],
    [{ type: 'checked' }, /^Refused: config must have required property 'site'$/], [{ type: 'checked', config: 'site' }, /^Refused: config must be object$/],
    [{ type: 'checked', config: { site: 'A' } }, /^Refused: config\/site must match pattern "\^\[a-z\]\+\$"$/], [{ type: 'checked', config: { site: 5 } }, /config\/site must be string/],
    [{ type: 'checked', config: { site: 'a', mode: 'x' } }, /config\/mode must be equal to one of the allowed values: \["fast","safe"\]$/],
    ['{"type":"checked","config":{"site":"a","__proto__":{}}}', /must NOT have additional properties: "__proto__"$/],
    [{ type: 'checked', config: { site: 'a', ['y'.repeat(1e5) + '\n']: 1 } }, /^Refused: config must NOT have additional properties: "y+…$/],
    [{ type: 'checked', config: { site: 'a'.repeat(1e6) } }, /must NOT have more than 10 characters/],
    [{ type: 'inherited' }, /required property 'constructor'/],
    [`{"type":"tree","config":${'['.repeat(4e5)}${']'.repeat(4e5)}}`, /^Refused: its config is nested too deeply\.$/],
    [{ type: 'shell', command: ' ' }, /^Refused: It has no command/], [{ type: 'shell', command: ['echo'] }, /no command/], [{ type: 'shell', command: 'a\0' }, /NUL/]
  ]
  for (const [fields, pattern] of table) {
    const plan = policy.plan(taskOf(fields))
    const reason = 'refused' in plan ? plan.refused : 'it is run'
    t.match(reason, pattern)
    t.ok(reason.length < 320)
  }
  t.match(policy.plan(taskOf({ type: 'open', config: { c: '-x' } })), { argv: ['cat', '', 'x-x'] })
  t.match(policy.plan(taskOf({ type: 'inherited', config: { constructor: 1 } })), { argv: ['true'] })
  t.strictSame(policy.plan(taskOf({ type: 'shell' })), {
    shell: 'echo own', type: 'shell', env: { TASK_ID: 'task_1_a', TASK_TYPE: 'shell', TASK_APP: '' }, timeoutMs: 60_000
  })
})

t.test('an absent config is an empty object where the schema wants one', async (t) => {
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

t.test('any command', async (t) => {
  t.strictSame(anyCommand.plan(taskOf({ type: 'whatever', timeoutMs: 5, config: [1] })), {
    shell: 'echo own', type: 'whatever', env: { TASK_ID: 'task_1_a', TASK_TYPE: 'whatever', TASK_APP: '', TASK_CONFIG: '[1]' }, timeoutMs: 5
  })
  t.match(anyCommand.plan(taskOf({ command: '' })), { refused: 'It has no command.' })
  t.match(anyCommand.plan(taskOf(`{"config":${'['.repeat(4e5)}${']'.repeat(4e5)}}`)), { refused: /nested too deeply/ })
  t.equal(anyCommand.concurrencyOf('custom'), undefined)
  t.match(JSON.parse(infoText(anyCommand, {}).text), { anyType: true, types: [{ name: 'custom', shell: true }] })
})

t.test('what is published of a policy', async (t) => {
  const config = { type: 'object', properties: { site: { type: 'string' } } }
  const policy = await policyOf({
    b: { title: 'Deploy', description: 'A site', argv: ['deploy', 'secret'], config, cwd: '/secret', env: { SECRET: 'secret' }, user: 'secret', timeoutMs: 5, concurrency: 1 },
    a: { shell: true }
  })
  const { text, leftOut } = infoText(policy, { concurrency: 3 })
  t.strictSame(JSON.parse(text), {
    version: 1,
    types: [{ name: 'b', title: 'Deploy', description: 'A site', config, timeoutMs: 5, concurrency: 1 }, { name: 'a', shell: true }],
    limits: { concurrency: 3 }
  })
  t.equal(leftOut, undefined)
  t.notMatch(text, 'secret')

  const wide = await policyOf({ x: { argv: ['true'], config: { type: 'object', description: 'é'.repeat(150_000) } } })
  t.match(infoText(wide, {}), { leftOut: 'the schemas of its types', text: /"name": "x"/ })
  const many = await policyOf(Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x${index}`, { argv: ['true'], description: 'é'.repeat(2000) }])))
  t.match(infoText(many, {}), { leftOut: 'its types', text: /"types": \[\]/ })
})
