import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkCommand, formatJson, formatText } from '../../lib/cli/check.ts'
import { PROGRAM } from '../program.ts'

function run (...args: string[]): Promise<{ code: unknown, stdout: string, stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { env: { ...process.env, NODE_OPTIONS: '' } }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
  })
}

t.test('says what is wrong with its arguments', async (t) => {
  const dir = t.testdir({ file: '' })
  const table: Array<[args: string[], message: RegExp]> = [
    [[], /directory is missing/],
    [[''], /directory is missing/],
    [[dir, 'other'], /One directory only, not also other/],
    [[dir, '--fix'], /--fix/],
    [[join(dir, 'none')], /none can't be checked: ENOENT/],
    [[join(dir, 'file')], /file can't be checked: /]
  ]
  for (const [args, message] of table) await t.rejects(checkCommand(args), { code: 'USAGE', message }, args.join(' '))
})

t.test('the program', async (t) => {
  const task = '{"id":"task_1_a","command":"true","status":"queued"}'
  const dir = t.testdir({
    good: { 'task_1_a.json': task, 'task_2_b.log': '' },
    bad: { 'task_1_a.json': task, 'task_2_b.json': '{"id":"task_2_b","status":"done"}', 'task_3_c.log': '', other: '' }
  })
  const [good, bad, json, none] = await Promise.all([['good'], ['bad'], ['bad', '--json'], ['none']].map(([name, ...options]) => run('check', join(dir, name!), ...options)))
  t.strictSame(good, { code: 0, stdout: 'warning: task_2_b.log: it has no task\n1 tasks, 0 errors, 1 warnings (contract version 1)\n', stderr: '' })
  t.strictSame([bad!.code, bad!.stdout.split('\n')], [1, [
    'error: task_2_b.json: it has no command',
    'error: task_2_b.json: its status must be one of queued, running, completed, failed, cancelled, not "done"',
    'warning: task_3_c.log: it has no task',
    'note: other: it belongs to nobody',
    '2 tasks, 2 errors, 1 warnings (contract version 1)',
    ''
  ]])
  t.equal(json!.code, 1)
  t.match(JSON.parse(json!.stdout), {
    version: 1, tasks: 2, errors: 2, warnings: 1, findings: [{ severity: 'error', name: 'task_2_b.json', message: 'it has no command' }, {}, {}, {}]
  })
  t.match(none, { code: 2, stdout: '', stderr: /none can't be checked.*\nSee fastify-tasks --help/ })
  t.strictSame(readdirSync(join(dir, 'bad')).length, 4)
})

t.test('nothing in a name or a value steers the terminal', async (t) => {
  const name = 'a\u001b[2J\n\u0085\u202e\u2028\u{e0001}ü🙂'
  const report = { tasks: 0, findings: [{ severity: 'note' as const, name, message: 'm\u007f' }] }
  t.equal(formatText(report).split('\n')[0], 'note: a\\u001b[2J\\u000a\\u0085\\u202e\\u2028\\udb40\\udc01ü🙂: m\\u007f')
  const json = formatJson(report)
  t.notMatch(json, /[\p{C}\u2028](?!$)/u)
  t.match(JSON.parse(json), { findings: [{ name, message: 'm\u007f' }] })
})
