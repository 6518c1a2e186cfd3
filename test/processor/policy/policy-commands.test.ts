import { execFileSync } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ReloadingPolicy } from '../../../lib/processor/policy/reloading-policy.ts'
import { enqueue, makeDirectory, remainingProcessesOf, readLogOf, startProcessor, until, untilEnded, untilLogged } from '../fixtures.ts'

const isRoot = process.geteuid?.() === 0

interface Started {
  readonly dir: string
  /** Path of the policy file. */
  readonly file: string
}

/** Starts a processor with a policy of these types. */
async function start (t: Test, types: object, options: { concurrency?: number } = {}): Promise<Started> {
  const root = makeDirectory(t, { tasks: {}, 'policy.json': JSON.stringify({ types }) })
  const [dir, file] = [join(root, 'tasks'), join(root, 'policy.json')]
  chmodSync(file, 0o640)
  const policy = await ReloadingPolicy.load(file, { tasksDir: dir, logger: { info () {}, warn () {} }, pollIntervalMs: 100 })
  await startProcessor(t, dir, { policy, pollIntervalMs: 200, ...options })
  return { dir, file }
}

interface Result {
  readonly status: unknown
  readonly errorMessage: unknown
  readonly exitCode: unknown
  /** Undefined: there is no log. */
  readonly log: string | undefined
}

/** Enqueues a task and waits until it is finished. */
async function run (dir: string, type: string, config: unknown = '', command = 'echo not this'): Promise<Result> {
  const id = await enqueue(dir, { type, config, command })
  const { status, errorMessage, exitCode } = await untilEnded(dir, id)
  return { status, errorMessage, exitCode, log: await readLogOf(dir, id).catch(() => undefined) }
}

t.test('values are passed as arguments and variables, not through a shell', async (t) => {
  const config = { type: 'object', properties: { name: { type: 'string', pattern: '^[ -~]*$' } }, required: ['name'] }
  const { dir } = await start(t, {
    print: { argv: ['printf', '[%s]', '--name', '{config.name}', '{config.note?}'], config, env: { NAME: '{config.name}' } },
    where: { argv: ['sh', '-c', 'pwd; echo "$NAME:$TASK_TYPE"'], cwd: '/', env: { NAME: '{config.name}' } }
  })
  t.match(await run(dir, 'print', { name: "it's $(id) `id`; #" }), { status: 'completed', log: "[--name][it's $(id) `id`; #][]" })
  t.match(await run(dir, 'where', { name: 'x y' }), { status: 'completed', log: '/\nx y:where\n' })
})

t.test('a shell type runs the command of the task', async (t) => {
  const { dir } = await start(t, { shell: { shell: true } })
  t.match(await run(dir, 'shell', '', 'echo this'), { status: 'completed', log: 'this\n' })
})

t.test('a command that exceeds the time limit of its type fails', async (t) => {
  const { dir } = await start(t, { short: { argv: ['sleep', '70'], timeoutMs: 100 } })
  t.match(await run(dir, 'short'), { status: 'failed', errorMessage: 'Timed out after 100 ms.' })
})

t.test('a program that does not exist fails with exit code 127', async (t) => {
  const { dir } = await start(t, { missing: { argv: ['/not/there'] } })
  t.match(await run(dir, 'missing'), { status: 'failed', exitCode: 127 })
})

t.test('a refused task fails with the reason and runs nothing', async (t) => {
  const config = { type: 'object', properties: { name: { type: 'string', pattern: '^[ -~]*$' } }, required: ['name'] }
  const { dir } = await start(t, {
    print: { argv: ['printf', '[%s]', '--name', '{config.name}'], config },
    lost: { argv: ['true'], cwd: '/not/there' },
    // more than 6 MiB, the most that Linux ever accepts
    many: { argv: ['true', ...Array.from({ length: 70 }, () => '{config.name}')] }
  }, { concurrency: 9 })
  const refused: Array<[type: string, config: unknown, reason: RegExp]> = [
    ['many', { name: 'x'.repeat(100_000) }, /argument size limit/], ['many', { name: 'a\0b' }, /config\.name} contains a NUL byte/],
    ['print', { name: '' }, /config\.name/], ['print', {}, /name/], ['print', { name: 'ä' }, /config\/name must match pattern/],
    ['print', { name: '-x' }, /config\.name/], ['custom', '', /no type "custom"/], ['__proto__', '', /no type/],
    ['lost', '', /working directory \/not\/there cannot be used/]
  ]
  for (const [type, config, errorMessage] of refused) {
    const { log, ...result } = await run(dir, type, config)
    t.match(result, { status: 'failed', errorMessage, exitCode: null }, `${type} ${JSON.stringify(config).slice(0, 60)}`)
    t.equal(log ?? '', '')
  }
})

t.test('variables of a type reach its command, but no program that runs with more privileges', { skip: !isRoot && 'needs root' }, async (t) => {
  const evil = makeDirectory(t, {
    setpriv: '#!/bin/sh\nid -u > "$(dirname "$0")/taken"\nexec /usr/bin/setpriv "$@"\n',
    'Evil.pm': 'use File::Basename; open(my $f, ">", dirname(__FILE__) . "/taken"); 1;'
  })
  chmodSync(join(evil, 'setpriv'), 0o755)
  const { dir } = await start(t, {
    path: { argv: ['sh', '-c', 'echo "$PATH"; echo again > /dev/stderr'], user: 'daemon', env: { PATH: `${evil}:/usr/bin:/bin` } },
    perl: { argv: ['printenv', 'PERL5OPT'], user: 'daemon', env: { PERL5LIB: evil, PERL5OPT: '-MEvil' } },
    bare: { argv: ['/bin/sh', '-c', 'echo "$PATH"'], env: { PATH: '/not/there' } }
  }, { concurrency: 3 })
  for (const [type, log] of [['path', `${evil}:/usr/bin:/bin\nagain\n`], ['perl', '-MEvil\n'], ['bare', '/not/there\n']] as const) {
    t.match(await run(dir, type, '', '-'), { status: 'completed', exitCode: 0, log }, type)
  }
  t.throws(() => statSync(join(evil, 'taken')), { code: 'ENOENT' }, 'none of the files ran with the privileges of the processor')
})

t.test('a command of another user gets the user\'s groups and a clean environment', { skip: !isRoot && 'needs root' }, async (t) => {
  process.env.A_SECRET = 'of the processor'
  t.teardown(() => { delete process.env.A_SECRET })
  const { dir } = await start(t, {
    identity: { argv: ['sh', '-c', 'id -un; id -Gn; echo "$USER $HOME $(printenv A_SECRET || echo none)"; echo to stderr; ls /proc/$PPID/fd'], user: 'daemon' }
  })
  const { status, log } = await run(dir, 'identity')
  t.equal(status, 'failed')
  const [user, groups, environment, stderr, fds] = log!.split('\n')
  t.strictSame([user, groups, stderr], ['daemon', execFileSync('id', ['-Gn', 'daemon'], { encoding: 'utf8' }).trim(), 'to stderr'])
  t.match(environment, /^daemon \/\S+ none$/)
  t.match(fds, /Permission denied/, 'the command cannot access the wrapper, which holds the attempt record and the log')
})

t.test('a command of another user that ignores SIGTERM is killed', { skip: !isRoot && 'needs root' }, async (t) => {
  const { dir } = await start(t, { ignoring: { argv: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'], user: 'daemon' } })
  const id = await enqueue(dir, { type: 'ignoring' })
  await untilLogged(dir, id, 'up\n')
  await writeFile(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 137 })
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('a changed policy applies immediately, an invalid one does not apply', async (t) => {
  const { dir, file } = await start(t, { a: { shell: true } })
  const replace = async (text: string) => {
    await writeFile(`${file}.new`, text, { mode: 0o640 })
    await rename(`${file}.new`, file)
  }
  const untilPublished = (names: string) => until(dir, async () => {
    const { types } = await readFile(join(dir, '.processor.json'), 'utf8').then(JSON.parse, () => ({ types: [] }))
    return types.map(({ name }: { name: string }) => name).join() === names ? true : undefined
  })
  await untilPublished('a')
  await replace(JSON.stringify({ types: { b: { shell: true, timeoutMs: 50 }, c: { shell: true } } }))
  await untilPublished('b,c')
  t.match(await run(dir, 'a'), { status: 'failed', errorMessage: /no type "a"/ })
  t.match(await run(dir, 'b', '', 'sleep 71'), { status: 'failed', errorMessage: 'Timed out after 50 ms.' })
  await replace('{"types": {')
  t.match(await run(dir, 'c'), { status: 'completed' })
})
