import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { processCommand } from '../../lib/cli/process.ts'
import { parseDuration, parseSize } from '../../lib/util/units.ts'
import {
  enqueue, makeDirectory, makeStateDirectory, remainingProcessesOf, readTaskOf, until, untilEnded, untilLogged
} from '../processor/fixtures.ts'
import { PROGRAM } from '../program.ts'

interface Running {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when it has said so. */
  said (text: string): Promise<void>
  ended (): Promise<{ code: number | null, stdout: string, stderr: string }>
}

function run (t: Test, ...args: string[]): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: makeStateDirectory(t) }
  })
  t.teardown(() => child.kill('SIGKILL'))
  const closed = once(child, 'close')
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text })
  return {
    child,
    async said (text) {
      while (!stdout.includes(text)) {
        const ended = await Promise.race([once(child.stdout, 'data'), closed.then(() => 'ended')])
        if (ended === 'ended' && !stdout.includes(text)) throw new Error(`It ended without saying "${text}": ${stdout}${stderr}`)
      }
    },
    async ended () {
      const [code] = await closed
      return { code, stdout, stderr }
    }
  }
}

t.test('says what is wrong with its arguments', async (t) => {
  const dir = join(makeDirectory(t), 'never-made')
  const table: Array<[args: string[], message: RegExp]> = [
    [['--allow-any-command'], /directory is missing/],
    [['', '--allow-any-command'], /directory is missing/],
    [[dir], /--policy FILE.*any command as this user.*--allow-any-command/],
    [[dir, '--policy', 'p.json', '--allow-any-command'], /not both/],
    [[dir, '--policy='], /path of a file/],
    [[dir, '--policy'], /--policy/],
    [[dir, 'other', '--allow-any-command'], /One directory only/],
    [[dir, '--allow-any-command', '--parallel', '2'], /--parallel/],
    [[dir, '--allow-any-command', '--concurrency'], /--concurrency/],
    [[dir, '--allow-any-command', '--concurrency', '0'], /at least 1/],
    [[dir, '--allow-any-command', '--concurrency', '1e3'], /integer/],
    [[dir, '--allow-any-command', '--grace-ms=-1'], /at least 0/],
    [[dir, '--allow-any-command', '--grace-ms', 'x'], /integer/],
    [[dir, '--allow-any-command', '--retain-age', '30'], /--retain-age must be a time such as 30d/],
    [[dir, '--allow-any-command', '--retain-count', '0'], /--retain-count must be an integer of at least 1/],
    [[dir, '--allow-any-command', '--retain-bytes', '1e9'], /--retain-bytes must be a size/],
    [[dir, '--allow-any-command', '--log-max-bytes', '0'], /--log-max-bytes must be a size/]
  ]
  for (const [args, message] of table) await t.rejects(processCommand(args), { code: 'USAGE', message }, args.join(' '))
  t.notOk(existsSync(dir))
})

t.test('times and sizes', async (t) => {
  const times: Array<[text: string, ms: number | undefined]> = [
    ['30d', 2_592_000_000], ['12h', 43_200_000], ['90m', 5_400_000], ['3600s', 3_600_000], ['007s', 7000],
    ['0d', undefined], ['30', undefined], ['d', undefined], ['', undefined], ['-1d', undefined], ['1.5h', undefined], ['1w', undefined],
    ['1D', undefined], ['1h30m', undefined], [' 1h', undefined], ['999999999999999d', undefined]
  ]
  for (const [text, ms] of times) t.equal(parseDuration(text), ms, text)
  const sizes: Array<[text: string, bytes: number | undefined]> = [
    ['4096', 4096], ['64K', 65_536], ['500M', 524_288_000], ['10G', 10_737_418_240], ['1T', 1_099_511_627_776],
    ['0', undefined], ['0G', undefined], ['G', undefined], ['', undefined], ['1g', undefined], ['1GB', undefined], ['1.5G', undefined],
    ['99999999T', undefined]
  ]
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, text)
})

t.test('the program', async (t) => {
  const file = join(makeDirectory(t, { file: '' }), 'file')
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const [help, shown, none, unknown, unusable] = await Promise.all([
    ['--help'], ['--version'], [], ['serve'], ['process', file, '--allow-any-command']
  ].map((args) => run(t, ...args).ended()))
  t.match(help, { code: 0, stdout: /process DIR --policy FILE/, stderr: '' })
  t.match(shown, { code: 0, stdout: `${version}\n` })
  t.match(none, { code: 2, stderr: /command is missing.*\n.*--help/ })
  t.match(unknown, { code: 2, stderr: /no command "serve"/ })
  t.match(unusable, { code: 1, stderr: new RegExp(`${file} can't be used`) })
})

t.test('a policy: refused where it is wrong, published where it is right', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'right.json': '{"types":{"greet":{"argv":["echo"]}}}', 'wrong.json': '{"types":{"greet":{"argv":[]}}}' })
  const tasks = join(dir, 'tasks')
  const [wrong, missing] = await Promise.all(['wrong.json', 'none.json'].map((name) => run(t, 'process', tasks, '--policy', join(dir, name)).ended()))
  t.match(wrong, { code: 1, stdout: '', stderr: /^The policy .*wrong\.json can't be used: types\/greet\/argv: must be a program and its arguments\n$/ })
  t.match(missing, { code: 1, stdout: '', stderr: /^The policy .*none\.json can't be used: ENOENT/ })
  t.strictSame(readdirSync(tasks), [])
  const { child, said, ended } = run(t, 'process', tasks, '--policy', join(dir, 'right.json'))
  await said(`Processing the tasks in ${tasks}`)
  const { types } = await until(tasks, async () => existsSync(join(tasks, '.processor.json')) ? JSON.parse(readFileSync(join(tasks, '.processor.json'), 'utf8')) : undefined)
  t.strictSame(types, [{ name: 'greet' }])
  child.kill('SIGTERM')
  t.match(await ended(), { code: 0, stderr: '' })
})

t.test('makes its directory, runs tasks, and stops at a signal', async (t) => {
  const dir = join(makeDirectory(t), 'a', 'b')
  const first = run(t, 'process', dir, '--allow-any-command', '--concurrency', '2', '--grace-ms', '60000')
  await first.said(`Processing the tasks in ${dir} (concurrency 2, grace 1 min, log cap none, keeps all finished tasks)`)
  const quick = await enqueue(dir, { command: 'echo "a secret"; exit 3' })
  t.match(await untilEnded(dir, quick), { status: 'failed', exitCode: 3 })
  await first.said(`${quick} failed (exit code 3, `)

  const second = await run(t, 'process', dir, '--allow-any-command').ended()
  t.match(second, { code: 1, stderr: `Another processor is running in this directory (process ${first.child.pid}).` })

  const deaf = await enqueue(dir, { command: 'trap "echo deaf" TERM; echo up; while :; do sleep 1; done' })
  const mild = await enqueue(dir, { command: 'echo up; sleep 69' })
  await Promise.all([deaf, mild].map((id) => untilLogged(dir, id, 'up\n')))
  first.child.kill('SIGTERM')
  await first.said('SIGTERM: stopping')
  t.match(await untilEnded(dir, mild), { status: 'failed', exitCode: 143, errorMessage: 'The processor was stopped.' })
  await first.said(`${mild} failed`)
  t.match(await readTaskOf(dir, deaf), { status: 'running' })
  const late = await enqueue(dir)
  first.child.kill('SIGINT')
  const { code, stdout } = await first.ended()
  t.equal(code, 0)
  t.match(stdout, `SIGINT: killing ${deaf}\n`)
  t.match(await readTaskOf(dir, deaf), { status: 'failed', exitCode: 137 })
  t.match(await readTaskOf(dir, late), { status: 'queued' })
  t.notMatch(stdout, 'secret')
  for (const id of [deaf, mild]) t.strictSame(await remainingProcessesOf(id), [])
  t.notOk(existsSync(join(dir, '.processor.lock.pid')))
  t.notOk(existsSync(join(dir, '.queue.fifo')))
})
