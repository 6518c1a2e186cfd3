import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { Command } from '../../lib/processor/command/command.ts'
import { startCommand } from '../../lib/processor/command/start-command.ts'
import { ForkServer } from '../../lib/processor/command/fork-server.ts'
import { readProcessStat } from '../../lib/processor/os/process-stat.ts'
import { StateDirectory } from '../../lib/processor/state/state-directory.ts'
import { chooseWrapper, perlWrapper } from '../../lib/processor/command/wrapper.ts'
import { waitFor } from '../helpers.ts'
import { PROGRAM } from '../program.ts'
import {
  enqueue, forkServersOf, makeDirectory, makeStateDirectory, processesOf, readLogOf, readTaskOf, recordsOf, remainingProcessesOf, startProcessor, until, untilEnded, untilLogged
} from './fixtures.ts'
import { spawnProcessor } from './spawned.ts'

const skip = (await chooseWrapper()).forkServer !== undefined ? false : 'needs Perl'
t.test('a fork server', { skip }, async (t) => {
  t.test('that is killed: what it started runs on, and what comes is started without it', async (t) => {
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

  t.test('ends with its processor, whatever ends that, and leaves the commands', async (t) => {
    const dir = makeDirectory(t)
    const state = makeStateDirectory(t)
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const processor = await spawnProcessor(t, dir, state, ['--leave-running'])
      const id = await enqueue(dir, { command: 'echo up; sleep 71' })
      await untilLogged(dir, id, 'up\n')
      const [forkServer] = forkServersOf(processor.pid)
      t.ok(forkServer !== undefined && existsSync(`/proc/${forkServer}`))
      processor.kill(signal)
      await processor.exited
      await waitFor(() => !existsSync(`/proc/${forkServer}/exe`))
      t.ok(processesOf(id).length > 0, 'its command runs on')
      const next = await startProcessor(t, dir)
      await writeFile(join(dir, `${id}.cancel`), '')
      t.match(await untilEnded(dir, id), { status: 'cancelled' })
      t.strictSame(await remainingProcessesOf(id), [])
      await next.processor.stop()
    }
  })

  t.test('ignores TERM, INT, HUP and QUIT', async (t) => {
    const dir = makeDirectory(t)
    await startProcessor(t, dir)
    const forkServers = forkServersOf()
    for (const pid of forkServers) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(pid, signal)
    const id = await enqueue(dir, { command: 'kill -TERM $$' })
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143 }, 'which its commands do')
    t.strictSame(forkServersOf(), forkServers)
  })

  t.test('hands over odd arguments and variables as they are, and what is too long for it is spawned', async (t) => {
    const dir = makeDirectory(t)
    const { processor } = await startProcessor(t, dir)
    for (const text of ['', ' ', '\n', '\t\n=', '=', 'a=b=c', '"\'`$(echo x)', 'grüße ☃', '-'.repeat(70_000)]) {
      const id = await enqueue(dir, { command: `printf %s '${text.replaceAll('\'', '\'\\\'\'')}'; exit 3` })
      t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 3 })
      t.equal(await readLogOf(dir, id), text)
    }
    // an end stands a moment before the room of the task is free
    await waitFor(() => processor.running.length === 0)
  })

  t.test('that is killed while a command waits: that is queued again, and then runs once', async (t) => {
    const dir = makeDirectory(t)
    const suspended = join(dir, 'suspended')
    const processor = await spawnProcessor(t, dir, makeStateDirectory(t), [], {
      env: { SUSPENDED: suspended, SUSPEND_AT: 'open' }, imports: [new URL('../faults/suspended-at-start.mjs', import.meta.url).href]
    })
    const id = await enqueue(dir, { command: 'echo ran' })
    // nothing tells of its suspension
    await waitFor(() => existsSync(suspended) && isStopped(processor.pid))
    t.match(await readTaskOf(dir, id), { status: 'running' })
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGKILL')
    processor.kill('SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readLogOf(dir, id), 'ran\n')
    await until(dir, async () => recordsOf(t).length === 0 ? true : undefined)
  })

  t.test('that is slow to let a command go: its timeout counts from then', async (t) => {
    const dir = makeDirectory(t)
    const suspended = join(dir, 'suspended')
    const processor = await spawnProcessor(t, dir, makeStateDirectory(t), [], {
      env: { SUSPENDED: suspended, SUSPEND_AT: 'open' }, imports: [new URL('../faults/suspended-at-start.mjs', import.meta.url).href]
    })
    const id = await enqueue(dir, { command: 'sleep 72', timeoutMs: 50 })
    await waitFor(() => existsSync(suspended) && isStopped(processor.pid))
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGSTOP')
    processor.kill('SIGCONT')
    await processor.said(`${id} started`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const pid of forkServersOf(processor.pid)) process.kill(pid, 'SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 50 ms.' })
  })

  t.test('that is gone: the command is spawned', async (t) => {
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

  t.test('kills a hung fork server and does not retry its pending job, which might run twice', async (t) => {
    const began = performance.now()
    await t.rejects(prepare(t, 'echo ran', { before: () => { for (const pid of forkServersOf()) process.kill(pid, 'SIGSTOP') } }), /has exited/)
    t.ok(performance.now() - began > 5_000)
  })

  t.test('opens nothing but what it was asked for', async (t) => {
    const dir = makeDirectory(t)
    keepAlive(t)
    // those of earlier tests, which take a moment to end
    await waitFor(() => forkServersOf().length === 0)
    const forkServer = (await ForkServer.start((await perlWrapper()).forkServer!, () => {}))!
    t.teardown(() => forkServer.close())
    const [pid] = forkServersOf()
    for (const others of [['record'], ['log']]) {
      process.kill(pid!, 'SIGSTOP')
      await waitFor(() => isStopped(pid!))
      const [record, log] = ['record', 'log'].map((name) => openSync(join(dir, name), 'a')) as [number, number]
      const refused = new Promise<void>((resolve) => {
        t.ok(forkServer.fork('job', { record, log, cwd: undefined, inherits: true, env: {}, args: ['', '', '', 'true'] }, resolve))
      })
      for (const [name, fd] of [['record', record], ['log', log]] as const) {
        if (!others.includes(name)) continue
        closeSync(fd)
        t.equal(openSync(join(dir, 'other'), 'a'), fd, 'another file has its number')
      }
      process.kill(pid!, 'SIGCONT')
      await refused
      t.equal(readFileSync(join(dir, 'other'), 'utf8'), '')
      for (const fd of [record, log]) closeSync(fd)
    }
  })

  t.test('a command that is killed before it begins is queued again, and runs once', async (t) => {
    const dir = makeDirectory(t)
    const suspended = join(dir, 'suspended')
    const state = makeStateDirectory(t)
    const processor = await spawnProcessor(t, dir, state, [], {
      env: { SUSPENDED: suspended, SUSPEND_AT: 'open' }, imports: [new URL('../faults/suspended-at-start.mjs', import.meta.url).href]
    })
    const id = await enqueue(dir, { command: 'echo ran' })
    await waitFor(() => existsSync(suspended) && isStopped(processor.pid))
    const [name = ''] = recordsOf(t)
    const record = readFileSync(join(state, readdirSync(state)[0]!, name), 'latin1')
    process.kill(Number(/^leader (\d+)/m.exec(record)![1]), 'SIGKILL')
    processor.kill('SIGCONT')
    t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
    t.equal(await readLogOf(dir, id), 'ran\n')
  })

  t.test('hands on nothing that the processor was started with', async (t) => {
    const dir = makeDirectory(t)
    // a shell opens what Node.js does not know of
    await spawnProcessor(t, dir, makeStateDirectory(t), [], { before: ['sh', '-c', 'exec 7< /etc/hostname; exec "$@"', 'sh'] })
    const id = await enqueue(dir, { command: 'ls /proc/self/fd | tr "\n" " "' })
    await untilEnded(dir, id)
    t.equal(await readLogOf(dir, id), '0 1 2 3 ', 'the last one is that of ls')
  })

  t.test('that can\'t go to the folder: it is told why', async (t) => {
    await t.rejects(prepare(t, 'echo ran', { cwd: '/not/there' }), { code: 'ENOENT' })
  })
})

function isStopped (pid: number): boolean {
  return readProcessStat(pid)?.state === 'T'
}

/** Nothing of a processor keeps this process from ending. */
function keepAlive (t: Test): void {
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
}

/** A command at the gate, as the processor brings it there. */
async function prepare (t: Test, shell: string, { before, cwd }: { before?: (forkServer: ForkServer) => unknown, cwd?: string } = {}) {
  const dir = makeDirectory(t)
  const state = await StateDirectory.open(makeStateDirectory(t), tasksDirectory(dir), console)
  const forkServer = (await ForkServer.start((await perlWrapper()).forkServer!, () => {}))!
  keepAlive(t)
  t.teardown(() => {
    forkServer.close()
    state.close()
  })
  await before?.(forkServer)
  const attempt = state.createAttempt({ id: 'task_1_a', type: '', forkServer: forkServer.nonce }, undefined)
  const file = { fd: openSync(join(dir, 'log'), 'a') } as Parameters<typeof startCommand>[3]['file']
  const gate = await startCommand({ wrapper: await perlWrapper(), forkServer }, attempt, { shell, type: '', env: {}, ...(cwd !== undefined && { cwd }) } as Parameters<typeof startCommand>[2], { file, maxBytes: undefined })
  return { dir, forkServer, attempt, gate, command: new Command(attempt, new AbortController().signal, gate.forksBefore) }
}

t.test('a /proc of another namespace is refused', { skip: process.geteuid!() !== 0 && 'needs root' }, async (t) => {
  const dir = makeDirectory(t)
  const args = ['--pid', '--fork', process.execPath, PROGRAM, 'process', dir, '--allow-any-command', '--state-dir', makeStateDirectory(t)]
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(said, '/proc belongs to another PID namespace')
})
