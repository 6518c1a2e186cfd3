import { chmodSync, statSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ReloadingPolicy } from '../../lib/processor/policy/reloading-policy.ts'
import { enqueue, makeDirectory, remainingProcessesOf, readLogOf, startProcessor, until, untilEnded, untilLogged } from './fixtures.ts'

interface Started {
  readonly dir: string
  readonly file: string
}

/** A processor under a policy of these types. */
async function start (t: Test, types: object, options: { concurrency?: number } = {}): Promise<Started> {
  const around = makeDirectory(t, { tasks: {}, 'policy.json': JSON.stringify({ types }) })
  const [dir, file] = [join(around, 'tasks'), join(around, 'policy.json')]
  chmodSync(file, 0o640)
  const policy = await ReloadingPolicy.load(file, { tasksDir: dir, logger: { info () {}, warn () {} }, pollIntervalMs: 100 })
  await startProcessor(t, dir, { policy, pollIntervalMs: 200, ...options })
  return { dir, file }
}

t.test('what a policy names runs as it says, and nothing else does', async (t) => {
  const config = { type: 'object', properties: { name: { type: 'string', pattern: '^[ -~]*$' } }, required: ['name'] }
  const { dir } = await start(t, {
    print: { argv: ['printf', '[%s]', '--name', '{config.name}', '{config.note?}'], config, env: { NAME: '{config.name}' } },
    where: { argv: ['sh', '-c', 'pwd; echo "$NAME:$TASK_TYPE"'], cwd: '/', env: { NAME: '{config.name}' } },
    lost: { argv: ['true'], cwd: '/not/there' },
    missing: { argv: ['/not/there'] },
    short: { argv: ['sleep', '70'], timeoutMs: 100 },
    shell: { shell: true }
  }, { concurrency: 9 })
  const run = async (type: string, config: unknown, command = 'echo not this') => {
    const id = await enqueue(dir, { type, config, command })
    const { status, errorMessage, exitCode } = await untilEnded(dir, id)
    return { status, errorMessage, exitCode, log: await readLogOf(dir, id).catch(() => undefined) }
  }
  t.match(await run('print', { name: "it's $(id) `id`; #" }), { status: 'completed', log: "[--name][it's $(id) `id`; #][]" })
  t.match(await run('where', { name: 'x y' }), { status: 'completed', log: '/\nx y:where\n' })
  t.match(await run('shell', '', 'echo this'), { status: 'completed', log: 'this\n' })
  t.match(await run('short', ''), { status: 'failed', errorMessage: 'Timed out after 100 ms.' })
  t.match(await run('missing', ''), { status: 'failed', exitCode: 127 })
  const refused: Array<[type: string, config: unknown, reason: RegExp]> = [
    ['print', { name: '' }, /config\.name/], ['print', {}, /name/], ['print', { name: 'ä' }, /config\/name must match pattern/],
    ['print', { name: '-x' }, /config\.name/], ['custom', '', /no type "custom"/], ['__proto__', '', /no type/],
    ['lost', '', /working directory \/not\/there can't be used/]
  ]
  for (const [type, config, errorMessage] of refused) {
    const { log, ...end } = await run(type, config)
    t.match(end, { status: 'failed', errorMessage, exitCode: null }, `${type} ${JSON.stringify(config)}`)
    t.equal(log ?? '', '')
  }
})

const isRoot = process.geteuid!() === 0
t.test('what a rule says to its command, it does not say to what has more rights', { skip: !isRoot && 'needs root' }, async (t) => {
  const evil = makeDirectory(t, {
    setpriv: '#!/bin/sh\nid -u > "$(dirname "$0")/taken"\nexec /usr/bin/setpriv "$@"\n',
    'Evil.pm': 'use File::Basename; open(my $f, ">", dirname(__FILE__) . "/taken"); 1;'
  })
  chmodSync(join(evil, 'setpriv'), 0o755)
  const { dir } = await start(t, {
    path: { argv: ['sh', '-c', 'echo "$PATH"; echo again > /dev/stderr'], user: 'nobody', env: { PATH: `${evil}:/usr/bin:/bin` } },
    perl: { argv: ['printenv', 'PERL5OPT'], user: 'nobody', env: { PERL5LIB: evil, PERL5OPT: '-MEvil' } },
    bare: { argv: ['/bin/sh', '-c', 'echo "$PATH"'], env: { PATH: '/not/there' } }
  }, { concurrency: 3 })
  for (const [type, output] of [['path', `${evil}:/usr/bin:/bin\nagain\n`], ['perl', '-MEvil\n'], ['bare', '/not/there\n']] as const) {
    const id = await enqueue(dir, { type, command: '-' })
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 }, type)
    t.equal(await readLogOf(dir, id), output, type)
  }
  t.throws(() => statSync(join(evil, 'taken')), { code: 'ENOENT' }, 'none of it ran with the rights of the processor')
})

t.test('as another user', { skip: !isRoot && 'needs root' }, async (t) => {
  process.env.A_SECRET = 'of the processor'
  t.teardown(() => { delete process.env.A_SECRET })
  const { dir } = await start(t, {
    who: { argv: ['sh', '-c', 'id -un; id -Gn; echo "$USER $HOME $(printenv A_SECRET || echo none)"; echo to stderr; ls /proc/$PPID/fd'], user: 'nobody' },
    deaf: { argv: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'], user: 'nobody' }
  })
  const id = await enqueue(dir, { type: 'who' })
  t.match(await untilEnded(dir, id), { status: 'failed' })
  const [user, groups, environment, stderr, fds] = (await readLogOf(dir, id)).split('\n')
  t.strictSame([user, groups, stderr], ['nobody', 'nogroup', 'to stderr'])
  t.match(environment, /^nobody \/\S+ none$/)
  t.match(fds, /Permission denied/, 'the shell that holds the record and the log is out of its reach')

  const deaf = await enqueue(dir, { type: 'deaf' })
  await untilLogged(dir, deaf, 'up\n')
  await writeFile(join(dir, `${deaf}.cancel`), '')
  t.match(await untilEnded(dir, deaf), { status: 'cancelled', exitCode: 137 })
  t.strictSame(await remainingProcessesOf(deaf), [])
})

t.test('a policy that changes counts at once; one that is wrong does not', async (t) => {
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
  t.match(await untilEnded(dir, await enqueue(dir, { type: 'a' })), { status: 'failed', errorMessage: /no type "a"/ })
  t.match(await untilEnded(dir, await enqueue(dir, { type: 'b', command: 'sleep 71' })), { status: 'failed', errorMessage: 'Timed out after 50 ms.' })
  await replace('{"types": {')
  t.match(await untilEnded(dir, await enqueue(dir, { type: 'c' })), { status: 'completed' })
})
