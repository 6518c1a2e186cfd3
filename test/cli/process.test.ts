import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { processCommand } from '../../lib/cli/process.ts'
import { enqueue, makeDirectory, remainingProcessesOf, readTaskOf, until, untilEnded, untilLogged } from '../processor/fixtures.ts'
import { runProgram, type RunningProgram } from './run-program.ts'

/** Starts a processor of any command, and waits until it runs. */
async function startProcessor (t: Test, dir: string, ...options: string[]): Promise<RunningProgram> {
  const program = runProgram(t, 'process', dir, '--allow-any-command', ...options)
  await program.printed(`Processing the tasks in ${dir}`)
  return program
}

t.test('a usage error creates no directory', async (t) => {
  const dir = join(makeDirectory(t), 'missing')
  await t.rejects(processCommand([dir, '--allow-any-command', '--concurrency', '0']), { code: 'USAGE' })
  t.notOk(existsSync(dir))
})

t.test('a path that is not a directory ends the program with exit code 1', async (t) => {
  const file = join(makeDirectory(t, { file: '' }), 'file')
  t.match(await runProgram(t, 'process', file, '--allow-any-command').exit, { code: 1, stderr: new RegExp(`${file} cannot be used`) })
})

t.test('an invalid or missing policy ends the program before it writes anything', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'wrong.json': '{"types":{"greet":{"argv":[]}}}' })
  const tasks = join(dir, 'tasks')
  const [wrong, missing] = await Promise.all(['wrong.json', 'none.json'].map((name) => runProgram(t, 'process', tasks, '--policy', join(dir, name)).exit))
  t.match(wrong, { code: 1, stdout: '', stderr: /^The policy .*wrong\.json cannot be used: types\/greet\/argv: must be a program and its arguments\n$/ })
  t.match(missing, { code: 1, stdout: '', stderr: /^The policy .*none\.json cannot be used: ENOENT/ })
  t.strictSame(readdirSync(tasks), [])
})

t.test('the task types of a valid policy are published', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'right.json': '{"types":{"greet":{"argv":["echo"]}}}' })
  const tasks = join(dir, 'tasks')
  const { child, printed, exit } = runProgram(t, 'process', tasks, '--policy', join(dir, 'right.json'))
  await printed(`Processing the tasks in ${tasks}`)
  const info = join(tasks, '.processor.json')
  const { types } = await until(tasks, async () => existsSync(info) ? JSON.parse(readFileSync(info, 'utf8')) : undefined)
  t.strictSame(types, [{ name: 'greet' }])
  child.kill('SIGTERM')
  t.match(await exit, { code: 0, stderr: '' })
})

t.test('the program creates its directory, prints its limits, and runs tasks without printing their commands', async (t) => {
  const dir = join(makeDirectory(t), 'a', 'b')
  const { child, printed, exit } = await startProcessor(t, dir, '--concurrency', '2', '--grace', '1m')
  await printed(`Processing the tasks in ${dir} (concurrency 2, grace 1 min, log limit none, keeps all finished tasks)`)
  const id = await enqueue(dir, { command: 'echo "a secret"; exit 3' })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 3 })
  await printed(`${id} failed (exit code 3, `)
  child.kill('SIGTERM')
  t.notMatch((await exit).stdout, 'secret')
})

t.test('a second processor of the same directory exits with code 1 and names the first', async (t) => {
  const dir = makeDirectory(t)
  const { child } = await startProcessor(t, dir)
  t.match(await runProgram(t, 'process', dir, '--allow-any-command').exit, {
    code: 1, stderr: `Another processor is running in this directory (process ${child.pid}).`
  })
})

t.test('a signal terminates the commands, and a second signal kills those that remain', async (t) => {
  const dir = makeDirectory(t)
  const { child, printed, exit } = await startProcessor(t, dir, '--concurrency', '2', '--grace', '60s')
  const ignoring = await enqueue(dir, { command: 'trap "echo ignored" TERM; echo up; while :; do sleep 1; done' })
  const obeying = await enqueue(dir, { command: 'echo up; sleep 69' })
  await Promise.all([ignoring, obeying].map((id) => untilLogged(dir, id, 'up\n')))
  child.kill('SIGTERM')
  await printed('SIGTERM: stopping')
  t.match(await untilEnded(dir, obeying), { status: 'failed', exitCode: 143, errorMessage: 'The processor was stopped.' })
  await printed(`${obeying} failed`)
  t.match(await readTaskOf(dir, ignoring), { status: 'running' })
  const late = await enqueue(dir)
  child.kill('SIGINT')
  const { code, stdout } = await exit
  t.equal(code, 0)
  t.match(stdout, `SIGINT: killing ${ignoring}\n`)
  t.match(await readTaskOf(dir, ignoring), { status: 'failed', exitCode: 137 })
  t.match(await readTaskOf(dir, late), { status: 'queued' }, 'a stopping processor claims no task')
  for (const id of [ignoring, obeying]) t.strictSame(await remainingProcessesOf(id), [])
})

t.test('a processor that was stopped leaves neither its lock nor its FIFO', async (t) => {
  const dir = makeDirectory(t)
  const { child, exit } = await startProcessor(t, dir)
  child.kill('SIGTERM')
  t.equal((await exit).code, 0)
  t.notOk(existsSync(join(dir, '.processor.lock.pid')))
  t.notOk(existsSync(join(dir, '.queue.fifo')))
})
