import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Command } from '../../lib/processor/command/command.ts'
import { ForkServer } from '../../lib/processor/command/fork-server.ts'
import { startCommand } from '../../lib/processor/command/start-command.ts'
import { chooseWrapper, perlWrapper } from '../../lib/processor/command/wrapper.ts'
import { readProcessStat } from '../../lib/processor/os/process-stat.ts'
import { StateDirectory } from '../../lib/processor/state/state-directory.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { waitFor } from '../helpers.ts'
import { PROGRAM } from '../program.ts'
import {
  enqueue, forkServersOf, makeDirectory, makeStateDirectory, processesOf, readLogOf, readTaskOf, recordsOf, remainingProcessesOf, startProcessor, until, untilEnded, untilLogged
} from './fixtures.ts'
import { spawnProcessor, type Spawned } from './spawned.ts'

const suspendedAtStart = new URL('../faults/suspended-at-start.mjs', import.meta.url).href

t.test('the fork server', { skip: (await chooseWrapper()).forkServer !== undefined ? false : 'needs Perl' }, async (t) => {
  t.test('after it was killed, its commands keep running and new ones start without it', async (t) => {
    const dir = makeDirectory(t)
    const { said } = await startProcessor(t, dir)
    const across = await enqueue(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.02; done; exit 7` })
    await untilLogged(dir, across, 'up\n')
    for (const pid of forkServersOf()) process.kill(pid, 'SIGKILL')
    await said.until('The fork server has exited')
    await writeFile(join(dir, 'go'), '')
    t.match(await untilEnded(dir, across), { status: 'failed', exitCode: 7, errorMessage: 'Exited with code 7.' })
    const next = await enqueue(dir, { command: 'echo next' })
    t.match(await untilEnded(dir, next), { status: 'completed' })
    t.equal(await readLogOf(dir, next), 'next\n')
  })

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    t.test(`it exits with its processor after ${signal}, and the commands keep running`, async (t) => {
      const dir = makeDirectory(t)
      const processor = await spawnProcessor(t, dir, makeStateDirectory(t), ['--leave-running'])
      const id = await enqueue(dir, { command: 'echo up; sleep 71' })
      await untilLogged(dir, id, 'up\n')
      const [forkServer] = forkServersOf(processor.pid)
      t.ok(forkServer !== undefined && existsSync(`/proc/${forkServer}`))
      processor.kill(signal)
      await processor.exited
      await waitFor(() => !existsSync(`/proc/${forkServer}/exe`))
      t.ok(processesOf(id).length > 0, 'its command is running')
      const next = await startProcessor(t, dir)
      await writeFile(join(dir, `${id}.cancel`), '')
      t.match(await untilEnded(dir, id), { status: 'cancelled' })
      t.strictSame(await remainingProcessesOf(id), [])
      await next.processor.stop()
    })
  }

  t.test('it ignores TERM, INT, HUP and QUIT, and its commands do not', async (t) => {
    const dir = makeDirectory(t)
    await startProcessor(t, dir)
    const forkServers = forkServersOf()
    for (const pid of forkServers) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(pid, signal)
    const id = await enqueue(dir, { command: 'kill -TERM $$' })
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143 })
    t.strictSame(forkServersOf(), forkServers)
  })

  t.test('commands with unusual characters arrive unchanged, and one that is too long for it is spawned', async (t) => {
    const dir = makeDirectory(t)
    const { processor } = await startProcessor(t, dir)
    for (const text of ['', ' ', '\n', '\t\n=', '=', 'a=b=c', '"\'`$(echo x)', 'grüße ☃', '-'.repeat(70_000)]) {
      const id = await enqueue(dir, { command: `printf %s '${text.replaceAll('\'', '\'\\\'\'')}'; exit 3` })
      t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 3 })
      t.equal(await readLogOf(dir, id), text)
    }
    // the final status is written a moment before the slot is released
    await waitFor(() => processor.running.length === 0, { describe: () => processor.running })
  })

  t.test('if it is killed while a command waits at its gate, the task is queued again and runs once', async (t) => {
    const dir = makeDirectory(t)
    const processor = await spawnSuspended(t, dir)
    const id = await enqueue(dir, { command: 'echo ran' })
    await untilSuspended(dir, processor)
    t.match(await readTaskOf(dir, id), { status: 'running' })
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGKILL')
    processor.kill('SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readLogOf(dir, id), 'ran\n')
    await until(dir, async () => recordsOf(t).length === 0 ? true : undefined)
  })

  t.test('if it opens a gate late, the time limit of the command counts from then', async (t) => {
    const dir = makeDirectory(t)
    const processor = await spawnSuspended(t, dir)
    const id = await enqueue(dir, { command: 'sleep 72', timeoutMs: 50 })
    await untilSuspended(dir, processor)
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGSTOP')
    processor.kill('SIGCONT')
    await processor.said(`${id} started`)
    // longer than the time limit
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 50 ms.' })
  })

  t.test('after it has exited, a command is spawned', async (t) => {
    const { attempt, gate, command, dir } = await prepare(t, 'echo ran', {
      before: async (forkServer) => {
        forkServer.close()
        await waitFor(() => forkServer.hasExited)
      }
    })
    gate.open()
    t.equal(await command.exitCode, 0)
    await attempt.until(({ drained }) => drained !== undefined)
    t.equal(readFileSync(join(dir, 'log'), 'utf8'), 'ran\n')
  })

  t.test('an aborted gate never runs its command', async (t) => {
    const { attempt, gate, dir } = await prepare(t, 'echo ran')
    gate.abort()
    const record = await attempt.until(({ gate }) => gate !== undefined)
    t.equal(record.gate, 'unstarted')
    t.equal(readFileSync(join(dir, 'log'), 'utf8'), '')
  })

  t.test('a hung fork server is killed, and its pending job is not retried, because it might run twice', async (t) => {
    const began = performance.now()
    await t.rejects(prepare(t, 'echo ran', { before: () => { for (const pid of forkServersOf()) process.kill(pid, 'SIGSTOP') } }), { message: 'the fork server has exited' })
    t.ok(performance.now() - began > 5_000)
  })

  for (const replaced of ['record', 'log']) {
    t.test(`it refuses a job if another file has the descriptor of the ${replaced}`, async (t) => {
      const dir = makeDirectory(t)
      keepAlive(t)
      // those of earlier tests take a moment to exit
      await waitFor(() => forkServersOf().length === 0, { describe: () => forkServersOf() })
      const forkServer = (await ForkServer.start((await perlWrapper()).forkServer!, () => {}))!
      t.teardown(() => forkServer.close())
      const [pid] = forkServersOf()
      process.kill(pid!, 'SIGSTOP')
      await waitFor(() => isStopped(pid!))
      const fds = { record: openSync(join(dir, 'record'), 'a'), log: openSync(join(dir, 'log'), 'a') }
      const refused = new Promise<void>((resolve) => {
        t.ok(forkServer.fork('job', { ...fds, cwd: undefined, inherits: true, env: {}, args: ['', '', '', 'true'] }, resolve))
      })
      const fd = replaced === 'record' ? fds.record : fds.log
      closeSync(fd)
      t.equal(openSync(join(dir, 'other'), 'a'), fd, 'another file has the descriptor')
      process.kill(pid!, 'SIGCONT')
      await refused
      t.equal(readFileSync(join(dir, 'other'), 'utf8'), '')
      for (const fd of Object.values(fds)) closeSync(fd)
    })
  }

  t.test('a command that is killed at its gate is queued again and runs once', async (t) => {
    const dir = makeDirectory(t)
    const processor = await spawnSuspended(t, dir)
    const id = await enqueue(dir, { command: 'echo ran' })
    await untilSuspended(dir, processor)
    const [name = ''] = recordsOf(t)
    const state = makeStateDirectory(t)
    const record = readFileSync(join(state, readdirSync(state)[0]!, name), 'latin1')
    process.kill(Number(/^leader (\d+)/m.exec(record)![1]), 'SIGKILL')
    processor.kill('SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readLogOf(dir, id), 'ran\n')
  })

  t.test('commands do not inherit descriptors that the processor was started with', async (t) => {
    const dir = makeDirectory(t)
    // the shell opens a descriptor that Node.js does not know
    await spawnProcessor(t, dir, makeStateDirectory(t), [], { before: ['sh', '-c', 'exec 7< /etc/hostname; exec "$@"', 'sh'] })
    const id = await enqueue(dir, { command: 'ls /proc/self/fd | tr "\n" " "' })
    await untilEnded(dir, id)
    t.equal(await readLogOf(dir, id), '0 1 2 3 ', 'ls itself opens descriptor 3')
  })

  t.test('a working directory that does not exist is reported with its error code', async (t) => {
    await t.rejects(prepare(t, 'echo ran', { cwd: '/not/there' }), { code: 'ENOENT' })
  })
})

t.test('a processor whose /proc belongs to another PID namespace does not start', { skip: process.geteuid!() !== 0 && 'needs root' }, async (t) => {
  const dir = makeDirectory(t)
  const args = ['--pid', '--fork', process.execPath, PROGRAM, 'process', dir, '--allow-any-command', '--state-dir', makeStateDirectory(t)]
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(stderr, '/proc belongs to another PID namespace')
})

function isStopped (pid: number): boolean {
  return readProcessStat(pid)?.state === 'T'
}

/** A processor that stops itself when it is about to open the gate of its first command. */
async function spawnSuspended (t: Test, dir: string): Promise<Spawned> {
  return await spawnProcessor(t, dir, makeStateDirectory(t), [], { env: { SUSPENDED: join(dir, 'suspended'), SUSPEND_AT: 'open' }, imports: [suspendedAtStart] })
}

/** No event reports that a process is stopped. */
async function untilSuspended (dir: string, { pid }: Spawned): Promise<void> {
  await waitFor(() => existsSync(join(dir, 'suspended')) && isStopped(pid), { describe: () => readProcessStat(pid) })
}

/** Handles of a processor do not keep this process running. */
function keepAlive (t: Test): void {
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
}

interface PrepareOptions {
  /** Called before the command is prepared. */
  readonly before?: (forkServer: ForkServer) => unknown
  readonly cwd?: string
}

/** Prepares a command up to its start gate, as the processor does. */
async function prepare (t: Test, shell: string, { before, cwd }: PrepareOptions = {}) {
  const dir = makeDirectory(t)
  const state = await StateDirectory.open(makeStateDirectory(t), tasksDirectory(dir), console)
  const wrapper = await perlWrapper()
  const forkServer = (await ForkServer.start(wrapper.forkServer!, () => {}))!
  keepAlive(t)
  const file = await open(join(dir, 'log'), 'a')
  t.teardown(async () => {
    forkServer.close()
    state.close()
    await file.close()
  })
  await before?.(forkServer)
  const attempt = state.createAttempt({ id: 'task_1_a', type: '', forkServer: forkServer.nonce }, undefined)
  const program = { shell, type: '', env: {}, ...(cwd !== undefined && { cwd }) }
  const gate = await startCommand({ wrapper, forkServer }, attempt, program, { file, maxBytes: undefined })
  return { dir, attempt, gate, command: new Command(attempt, new AbortController().signal, gate.forksBefore) }
}
