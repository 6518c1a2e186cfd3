import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import t from 'tap'
import { chooseWrapper, perlWrapper, shellWrapper, type Wrapper } from '../../lib/processor/command/wrapper.ts'
import { withDeadline } from '../with-deadline.ts'
import { enqueue, makeDirectory, readLogOf, startProcessor, until, untilEnded } from './fixtures.ts'

const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))

interface Started {
  readonly child: ChildProcess
  readonly gate: Writable
  readonly log: string
  /** The lines of the record; of those that identify a process, only the first word. */
  facts (): Promise<string[]>
  untilExited (): Promise<void>
}

/** Starts a wrapper as the processor does, for a shell command. */
function start (wrapper: Wrapper, dir: string, command: string, { limit = '', name = 'log', env = {} }: { limit?: string, name?: string, env?: NodeJS.ProcessEnv } = {}): Started {
  const log = join(dir, name)
  const record = join(dir, '..', `${name}.record`)
  const fds = [record, log].map((path) => openSync(path, 'a'))
  const [file, ...args] = wrapper.command
  const child = spawn(file, [...args, '', limit, '', 'sh', '-c', command], { detached: true, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...fds] })
  fds.forEach(closeSync)
  const gate = child.stdio[3] as Writable
  gate.on('error', () => {})
  const facts = async () => (await readFile(record, 'latin1')).split('\n').slice(0, -1).map((line) => line.replace(/^(wrapper|leader) .*/, '$1'))
  const exited = once(child, 'exit')
  return { child, gate, log, facts, untilExited: async () => { await withDeadline(exited, facts) } }
}

const WRAPPERS = { perl: await perlWrapper(), sh: await shellWrapper() }
const isRoot = process.geteuid!() === 0
for (const [name, wrapper] of Object.entries<Wrapper>(WRAPPERS)) {
  const directory = (content = {}) => join(makeDirectory(t, { [name]: content }), name)

  t.test(`${name}: appends every byte of the output to the log, in order`, async (t) => {
    const dir = directory({ log: 'before\n', bytes })
    const { gate, untilExited, facts, log } = start(wrapper, dir, `cat ${join(dir, 'bytes')}; echo x > /dev/stderr; exit 7`)
    gate.end('\n')
    await untilExited()
    t.strictSame(await facts(), ['wrapper', 'leader', 'started', 'exit 7', 'drained 0'])
    t.ok(Buffer.concat([Buffer.from('before\n'), bytes, Buffer.from('x\n')]).equals(await readFile(log)))
  })

  t.test(`${name}: passes inherited variables to the command unchanged`, async (t) => {
    const env = Object.fromEntries(['cgroup', 'limit', 'owner', 'stat', 'opened', 'code', 'start', 'line'].map((variable) => [variable, `the ${variable}`]))
    const { gate, untilExited, facts, log } = start(wrapper, directory(), Object.keys(env).map((variable) => `echo "$${variable}"`).join('; '), { name: 'variables', env, limit: '4096' })
    gate.end('\n')
    await untilExited()
    t.strictSame((await readFile(log, 'utf8')).trim().split('\n'), Object.values(env), (await facts()).join(', '))
  })

  t.test(`${name}: does not run the command if the gate is aborted`, async (t) => {
    const { gate, untilExited, facts, log } = start(wrapper, directory(), 'echo ran', { name: 'unstarted' })
    gate.destroy()
    await untilExited()
    t.strictSame((await facts()).slice(0, 3), ['wrapper', 'leader', 'unstarted'])
    t.equal(await readFile(log, 'utf8'), '')
  })

  t.test(`${name}: records the command's exit code, and 128 plus the number of a signal`, async (t) => {
    const table: Array<[command: string, code: number]> = [
      ['exit 0', 0], ['exit 255', 255], ['kill -9 $$', 137], ['kill -TERM 0; sleep 5', 143], ['exec /not/there', 127], ['kill -INT $$', 130]
    ]
    for (const [index, [command, code]] of table.entries()) {
      const { gate, untilExited, facts } = start(wrapper, directory(), command, { name: `code-${index}` })
      gate.end('\n')
      await untilExited()
      t.ok((await facts()).includes(`exit ${code}`), command)
    }
  })

  t.test(`${name}: records the exit of the command immediately, even if another process keeps the output open`, async (t) => {
    const dir = directory()
    const { child, gate, facts } = start(wrapper, dir, `setsid sh -c 'echo $$ > ${join(dir, 'pid')}; exec sleep 72' & exit 3`, { name: 'held' })
    t.teardown(() => { process.kill(-child.pid!, 'SIGKILL') })
    gate.end('\n')
    await until(join(dir, '..'), async () => (await facts()).includes('exit 3') ? true : undefined)
    t.notOk((await facts()).includes('drained 0'))
    const pid = await until(dir, async () => Number(await readFile(join(dir, 'pid'), 'utf8').catch(() => '')) || undefined)
    process.kill(pid, 'SIGKILL')
  })

  t.test(`${name}: drops output beyond the limit without disturbing the command`, async (t) => {
    const dir = directory({ bytes })
    for (const [before, limit] of [[0, 102_400], [1_000, 102_400], [110_000, 102_400]] as const) {
      await writeFile(join(dir, `limit-${before}`), bytes.subarray(0, before))
      const { gate, untilExited, facts, log } = start(wrapper, dir, `tail -c +${before + 1} ${join(dir, 'bytes')}`, { limit: String(limit), name: `limit-${before}` })
      gate.end('\n')
      await untilExited()
      t.strictSame((await facts()).slice(2), ['started', 'exit 0', 'drained 153'])
      t.ok(bytes.subarray(0, Math.max(before, limit)).equals(await readFile(log)), `${before}, ${limit}`)
    }
  })

  t.test(`${name}: ${wrapper.waitsForDisk ? 'waits while the disk is full' : 'terminates the command when the disk is full'}`, { skip: !isRoot && 'needs root, to mount a small file system' }, async (t) => {
    const around = makeDirectory(t, { small: {}, bytes })
    const dir = join(around, 'small')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1536k', 'none', dir])
    t.teardown(() => execFileSync('umount', ['-l', dir]))
    await writeFile(join(dir, 'filler'), Buffer.alloc(1_000_000))
    const { gate, untilExited, facts, log } = start(wrapper, dir, `cat ${join(around, 'bytes')}`)
    gate.end('\n')
    if (wrapper.waitsForDisk) {
      await until(around, async () => (await facts()).includes('full') ? true : undefined)
      await unlink(join(dir, 'filler'))
    }
    await untilExited()
    t.strictSame((await facts()).slice(2).sort(), wrapper.waitsForDisk
      ? ['drained 0', 'exit 0', 'full', 'room', 'started']
      : ['drained 1', 'exit 141', 'started'])
    if (wrapper.waitsForDisk) t.ok(bytes.equals(await readFile(log)))
  })
}

t.test('signals to its parent process do not stop the wrapper in Perl', async (t) => {
  const dir = join(makeDirectory(t, { all: {} }), 'all')
  const { gate, untilExited, facts, log } = start(WRAPPERS.perl, dir, 'for s in TERM INT HUP; do kill -$s $PPID; done; sleep 0.2; echo after; exit 7')
  gate.end('\n')
  await untilExited()
  t.strictSame((await facts()).slice(2), ['started', 'exit 7', 'drained 0'])
  t.equal(await readFile(log, 'utf8'), 'after\n')
})

t.test('chooseWrapper prefers Perl', async (t) => {
  t.strictSame(await chooseWrapper(), WRAPPERS.perl)
})

t.test('chooseWrapper falls back to the shell if the environment alters Perl', async (t) => {
  for (const name of ['PERL5OPT', 'PERLIO']) {
    process.env[name] = '-d'
    t.teardown(() => { delete process.env[name] })
    t.strictSame(await chooseWrapper(), WRAPPERS.sh, name)
    delete process.env[name]
  }
})

t.test('the processor limits the size of a log and notes that in the error message', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir, { maxLogBytes: 1024 })
  const long = await enqueue(dir, { command: 'yes | head -c 100000; echo done >&2; exit 5' })
  const short = await enqueue(dir, { command: 'echo short' })
  t.match(await untilEnded(dir, long), { status: 'failed', exitCode: 5, errorMessage: 'Exited with code 5. The log has reached its limit; further output was dropped.' })
  t.equal((await readLogOf(dir, long)).length, 1024)
  t.match(await untilEnded(dir, short), { status: 'completed', errorMessage: null })
})
