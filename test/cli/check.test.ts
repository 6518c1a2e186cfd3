import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkCommand } from '../../lib/cli/check.ts'
import { runProgram, type Exit } from './run-program.ts'

const TASK = '{"id":"task_1_a","command":"true","status":"queued"}'

async function check (t: Test, dir: string, ...options: string[]): Promise<Exit> {
  return await runProgram(t, 'check', dir, ...options).exit
}

t.test('invalid arguments are rejected', async (t) => {
  const dir = t.testdir()
  const table: Array<[args: string[], message: string]> = [
    [[], 'Missing argument DIR. Usage: fastify-tasks check DIR'],
    [[''], 'Missing argument DIR. Usage: fastify-tasks check DIR'],
    [[dir, 'other'], 'Expected one directory, got also: other.'],
    [[dir, '--fix'], 'Unknown option --fix.'],
    [[dir, '--json=1'], "Option '--json' does not take an argument"]
  ]
  for (const [args, message] of table) await t.rejects(checkCommand(args), { code: 'USAGE', message }, args.join(' '))
})

t.test('a directory that cannot be read is rejected', async (t) => {
  const dir = t.testdir({ file: '' })
  await t.rejects(checkCommand([join(dir, 'none')]), { code: 'USAGE', message: /none cannot be checked: ENOENT/ })
  await t.rejects(checkCommand([join(dir, 'file')]), { code: 'USAGE', message: /file cannot be checked: / })
})

t.test('warnings do not change the exit code', async (t) => {
  const dir = t.testdir({ 'task_1_a.json': TASK, 'task_2_b.log': '' })
  t.strictSame(await check(t, dir), {
    code: 0, stdout: 'warning: task_2_b.log: it has no task\n1 tasks, 0 errors, 1 warnings (contract version 1)\n', stderr: ''
  })
})

t.test('errors are printed, set the exit code, and change no file', async (t) => {
  const files = { 'task_1_a.json': TASK, 'task_2_b.json': '{"id":"task_2_b","status":"done"}', 'task_3_c.log': '', other: '' }
  const dir = t.testdir(files)
  const { code, stdout } = await check(t, dir)
  t.equal(code, 1)
  t.strictSame(stdout.split('\n'), [
    'error: task_2_b.json: it has no command',
    'error: task_2_b.json: its status must be one of queued, running, completed, failed, cancelled, not "done"',
    'warning: task_3_c.log: it has no task',
    'note: other: not part of the protocol',
    '2 tasks, 2 errors, 1 warnings (contract version 1)',
    ''
  ])
  t.strictSame(readdirSync(dir).sort(), Object.keys(files).sort())
})

t.test('--json prints the report as JSON', async (t) => {
  const dir = t.testdir({ 'task_1_a.json': TASK, 'task_2_b.json': '{"id":"task_2_b","status":"queued"}', other: '' })
  const { code, stdout } = await check(t, dir, '--json')
  t.equal(code, 1)
  t.match(JSON.parse(stdout), {
    version: 1, tasks: 2, errors: 1, warnings: 0, findings: [{ severity: 'error', name: 'task_2_b.json', message: 'it has no command' }, { severity: 'note', name: 'other' }]
  })
})

t.test('a usage error is printed with the help command and exit code 2', async (t) => {
  t.match(await check(t, join(t.testdir(), 'none')), { code: 2, stdout: '', stderr: /none cannot be checked.*\nSee fastify-tasks check --help\.\n$/ })
})
