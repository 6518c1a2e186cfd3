import t, { type Test } from 'tap'
import { parsePolicy } from '../../../lib/processor/policy/parse-policy.ts'
import { findUser, policyOf } from './fixtures.ts'

const argv = ['true']
const SCRIPT = /^types\/x\/argv\/\d: a placeholder cannot be part of a script/

/** Each message starts with the place in the policy. */
async function rejects (t: Test, table: Array<[types: unknown, message: RegExp]>): Promise<void> {
  for (const [types, message] of table) await t.rejects(policyOf(types), { code: 'POLICY', message }, JSON.stringify(types))
}

t.test('rejects texts that are not a policy', async (t) => {
  for (const text of ['', '{', 'null', '[]', '{"types":{},"extra":1}', '{"__proto__":{"types":{}}}']) {
    await t.rejects(parsePolicy(text, findUser), { code: 'POLICY' }, text)
  }
})

t.test('rejects invalid types', async (t) => {
  await rejects(t, [
    [undefined, /^types: /], [[], /^types: .*types by their names/], [{ '': { argv } }, /^types/], [{ 'a\nb': { argv } }, /^types/],
    [{ x: 5 }, /^types\/x: /], [{ x: { argv, color: 1 } }, /^types\/x\/color: is not a known field. The fields are title, /]
  ])
})

t.test('rejects types without exactly one of argv and shell', async (t) => {
  await rejects(t, [
    [{ x: {} }, /^types\/x: needs exactly one of argv and shell/], [{ x: { argv, shell: true } }, /^types\/x: needs exactly one/],
    [{ x: { shell: false } }, /^types\/x\/shell: must be true/]
  ])
})

t.test('rejects invalid argv', async (t) => {
  await rejects(t, [
    [{ x: { argv: [] } }, /^types\/x\/argv: must be a program and its arguments/], [{ x: { argv: 'true' } }, /^types\/x\/argv: /],
    [{ x: { argv: ['true', 5] } }, /^types\/x\/argv\/1: /], [{ x: { argv: ['true', '{nothing}'] } }, /^types\/x\/argv\/1: \{nothing\} is not a valid placeholder/],
    [{ x: { argv: ['true', 'a}'] } }, /^types\/x\/argv\/1: a single "\}"/], [{ x: { argv: ['tr\0ue'] } }, /^types\/x\/argv\/0: must not contain a NUL byte/]
  ])
})

t.test('rejects programs that are neither absolute paths nor names', async (t) => {
  await rejects(t, [
    [{ x: { argv: ['{config.program}'] } }, /^types\/x\/argv\/0: the program must not contain a placeholder/],
    [{ x: { argv: ['bin/true'] } }, /^types\/x\/argv\/0: must be an absolute path/], [{ x: { argv: ['./true'] } }, /absolute/],
    [{ x: { argv: [''] } }, /absolute/], [{ x: { argv: ['-c'] } }, /absolute/],
    [{ x: { argv: ['/a=b/run'] } }, /^types\/x\/argv\/0: the program must not contain "="/]
  ])
})

t.test('rejects placeholders in scripts', async (t) => {
  await rejects(t, [
    [{ x: { argv: ['sh', '-c', 'rm {config.x}'] } }, /^types\/x\/argv\/2: a placeholder cannot be part of a script/],
    [{ x: { argv: ['python3', '-W', 'ignore', '-c', '{config.x}'] } }, /^types\/x\/argv\/4: /],
    [{ x: { argv: ['bash', '--rcfile', '/dev/null', '-c', '{config.x}'] } }, /^types\/x\/argv\/4: /],
    [{ x: { argv: ['/usr/bin/bash', '-x', '-ec', '--', 'rm {config.x}', 'b'] } }, /^types\/x\/argv\/4: /],
    ...[
      ['sh', '+x', '-c', 'echo {config.x}'], ['sh', '-c', '+x', 'echo {config.x}'], ['bash', '-c', '-o', 'pipefail', 'echo {config.x}'], ['bash', '-c{config.x}'],
      ['env', 'sh', '-c', '{config.x}'], ['busybox', 'sh', '-c', '{config.x}'], ['csh', '-c', '{config.x}'], ['python3', '-c', 'print({config.x})'],
      ['node', '--eval={config.x}'], ['perl', '-ne', '{config.x}']
    ].map((argv): [object, RegExp] => [{ x: { argv } }, SCRIPT])
  ])
})

t.test('accepts placeholders after a script, and as arguments of other programs', async (t) => {
  for (const argv of [
    ['sh', '-c', 'echo "$1"', 'sh', '{config.x}'], ['bash', '-e', '/srv/run', '{config.x}'], ['python3', '/srv/run.py', '-c', '{config.x}'],
    ['deploy', '-c', '{config.x}'], ['bash', '-o', 'pipefail', '-c', 'true', '{config.x}']
  ]) await t.resolves(policyOf({ x: { argv } }), argv.join(' '))
})

t.test('rejects invalid variables', async (t) => {
  await rejects(t, [
    [{ x: { argv, env: { 'A-B': 'x' } } }, /^types\/x\/env/], [{ x: { argv, env: { A: 5 } } }, /^types\/x\/env\/A: /],
    [{ x: { argv, env: { A: '{b}' } } }, /^types\/x\/env\/A: \{b\} is not a valid placeholder/],
    [{ x: { argv, env: { TASK_ID: 'x' } } }, /^types\/x\/env\/TASK_ID: .*reserved/]
  ])
})

t.test('rejects placeholders in variables that control what code is loaded', async (t) => {
  for (const name of ['PATH', 'LD_PRELOAD', 'BASH_ENV', 'NODE_OPTIONS', 'PYTHONPATH', 'PERL5OPT', 'GIT_SSH_COMMAND']) {
    await rejects(t, [[{ x: { argv, env: { [name]: '{app}' } } }, new RegExp(`^types/x/env/${name}: must not contain a placeholder`)]])
    await t.resolves(policyOf({ x: { argv, env: { [name]: 'fixed' } } }), name)
  }
})

t.test('rejects invalid settings', async (t) => {
  await rejects(t, [
    [{ x: { argv, title: '' } }, /^types\/x\/title: must be a string of 1 to 200 characters/],
    [{ x: { argv, cwd: 'srv' } }, /^types\/x\/cwd: must be an absolute path/],
    [{ x: { argv, timeoutMs: 0 } }, /^types\/x\/timeoutMs: must be an integer from 1 to 2147483647/],
    [{ x: { argv, concurrency: '1' } }, /^types\/x\/concurrency: must be a positive integer/]
  ])
})

t.test('rejects invalid and unknown users', async (t) => {
  await rejects(t, [
    [{ x: { argv, user: '0' } }, /^types\/x\/user: must be the name/], [{ x: { argv, user: '--help' } }, /^types\/x\/user: /],
    [{ x: { argv, user: 'missing' } }, /^types\/x\/user: unknown user missing/]
  ])
})

t.test('rejects schemas that are invalid or not supported', async (t) => {
  await rejects(t, [
    [{ x: { argv, config: { type: 'strange' } } }, /^types\/x\/config: /], [{ x: { argv, config: { tpye: 'object' } } }, /^types\/x\/config: .*tpye/],
    [{ x: { argv, config: { type: 'string', format: 'email' } } }, /^types\/x\/config: .*email/], [{ x: { argv, config: true } }, /^types\/x\/config: must be a JSON schema/],
    [{ x: { argv, config: { $async: true, type: 'object' } } }, /^types\/x\/config: \$async/], [{ x: { argv, config: { $ref: 'https://example.com/x' } } }, /^types\/x\/config: .*example/],
    [{ x: { argv, config: { type: 'string', pattern: '(' } } }, /^types\/x\/config: /]
  ])
})
