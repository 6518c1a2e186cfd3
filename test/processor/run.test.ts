import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { deleteTask } from '../../lib/protocol/transitions.ts'
import { MAX_COMMAND_BYTES, MAX_CONFIG_BYTES } from '../../lib/shared/command-limits.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { taskText } from '../task-files.ts'
import { waitFor } from '../wait-for.ts'
import {
  enqueue, killAll, makeDirectory, processesOf, readLogOf, readTaskOf, remainingProcessesOf, startProcessor, untilAbsent, untilEnded, untilGone, untilLogged
} from './fixtures.ts'

// What this processor does beyond the contract of all processors, which contract.test.ts asserts.

// Eight at a time, so that no test waits for another one's command.
const dir = makeDirectory(t)
const { said } = await startProcessor(t, dir, { concurrency: 8 })

t.test('a hint starts a queued task before the next poll', async (t) => {
  const startedAt = performance.now()
  await untilEnded(dir, await enqueue(dir))
  t.ok(performance.now() - startedAt < 2500, 'polling takes up to 3 s')
})

t.test('no process and no claim of a finished task is left', async (t) => {
  const id = await enqueue(dir, { command: 'echo hello' })
  t.match(await untilEnded(dir, id), { status: 'completed' })
  await untilAbsent(dir, `${id}.claim`)
  t.strictSame(await remainingProcessesOf(id), [])
})

const COMMANDS: Array<[name: string, command: string, exitCode: number, log: string | RegExp]> = [
  ['with a leading dash is not an option of the shell', '-x', 127, /^.*-x: not found\n$/],
  ['that kills itself keeps the output before', 'echo one; kill -9 $$', 137, 'one\n'],
  ['writes much output without loss', 'yes 0123456789 | head -n 100000', 0, '0123456789\n'.repeat(100000)],
  ['inherits no socket', 'ls -l /proc/self/fd | grep -c socket; true', 0, '0\n'],
  ['inherits no descriptor of the wrapper', 'for fd in 3 4 5; do (echo x >&$fd) 2>/dev/null && echo $fd; done; true', 0, '']
]

for (const [name, command, exitCode, log] of COMMANDS) {
  t.test(`a command ${name}`, async (t) => {
    const id = await enqueue(dir, { command })
    t.match(await untilEnded(dir, id), {
      status: exitCode === 0 ? 'completed' : 'failed',
      exitCode,
      errorMessage: exitCode === 0 ? null : `Exited with code ${exitCode}.`
    })
    if (typeof log === 'string') t.ok(await readLogOf(dir, id) === log, 'the log has exactly the output')
    else t.match(await readLogOf(dir, id), log)
    t.strictSame(await remainingProcessesOf(id), [])
  })
}

t.test('the longest command and config that the API accepts run', async (t) => {
  const command = `printf %s "$TASK_CONFIG" | wc -c; exit 0; ${'x'.repeat(MAX_COMMAND_BYTES)}`.slice(0, MAX_COMMAND_BYTES)
  const id = await enqueue(dir, { command, config: 'x'.repeat(MAX_CONFIG_BYTES - 2) })
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.equal((await readLogOf(dir, id)).trim(), String(MAX_CONFIG_BYTES))
})

t.test('a custom field of any size does not prevent a task from running, and is kept', async (t) => {
  const owner = Array.from({ length: 20_000 }, (_, index) => ({ [`k${index}`]: 0 }))
  const id = await enqueue(dir, { command: 'echo "$TASK_CONFIG"', config: 'short', owner })
  t.strictSame((await untilEnded(dir, id) as unknown as { owner: unknown }).owner, owner)
  t.equal(await readLogOf(dir, id), '"short"\n')
})

const REFUSED: Array<[name: string, fields: object, reason: RegExp]> = [
  ['a NUL byte in its command', { command: 'echo \0' }, /NUL/],
  ['a NUL byte in its app', { command: 'true', app: 'a\0b' }, /NUL/],
  ['a command beyond the limit of the system', { command: ':'.padEnd(MAX_COMMAND_BYTES + 1) }, /argument size limit/],
  ['a config beyond the limit of the system', { command: 'true', config: 'x'.repeat(MAX_CONFIG_BYTES - 1) }, /argument size limit/],
  ['a config structure beyond the limit of the system', { command: 'true', config: Array(70_000).fill(1) }, /argument size limit/],
  ['a number as its command', { command: 5 }, /command is empty/],
  ['no command', { command: undefined }, /command is empty/]
]

for (const [name, fields, reason] of REFUSED) {
  t.test(`a task with ${name} fails with the reason and never starts`, async (t) => {
    const id = await enqueue(dir, { ...fields })
    t.match(await untilEnded(dir, id), { status: 'failed', errorMessage: reason, exitCode: null, startedAt: null })
  })
}

t.test('a task with a number in its config that JavaScript would change is refused', async (t) => {
  const id = `task_${Date.now()}_number`
  const text = taskText(id, { config: { n: 'NUMBER' } }).replace('"NUMBER"', '12345678901234567890')
  await writeFile(join(dir, '.number'), text)
  await rename(join(dir, '.number'), join(dir, `${id}.json`))
  t.match(await untilEnded(dir, id), { status: 'failed', errorMessage: 'Refused: the config contains the number 12345678901234567890, which would be changed. Write it as a string.' })
  t.match(readFileSync(join(dir, `${id}.json`), 'utf8'), /"n": 12345678901234567890/)
})

t.test('a cancellation request in the first milliseconds of a command stops it without a poll', async (t) => {
  const dir = makeDirectory(t)
  const { said } = await startProcessor(t, dir, { concurrency: 4, pollIntervalMs: 1e6, heartbeatIntervalMs: 1e6 })
  for (let round = 0; round < 10; round++) {
    await Promise.all([0, 1, 2, 3].map(async (ms) => {
      const id = await enqueue(dir, { command: 'exec sleep 60' })
      await said.until(`${id} started`)
      await sleep(ms)
      await writeFile(join(dir, `${id}.cancel`), '')
      t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled.' })
    }))
  }
})

t.test('a command that SIGSTOP suspended can be cancelled', async (t) => {
  const id = await enqueue(dir, { command: 'trap "echo bye; exit 3" TERM; echo up; kill -STOP $$; echo on; while :; do sleep 0.05; done' })
  await untilLogged(dir, id, 'up\n')
  await waitFor(() => processesOf(id).some((pid) => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))))
  await writeFile(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 3 })
})

t.test('the log has what a command writes after TERM', async (t) => {
  const id = await enqueue(dir, { command: 'trap "echo good; echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done' })
  await untilLogged(dir, id, 'up\n')
  await writeFile(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 0 })
  t.match(await readLogOf(dir, id), /up\n(.*\n)?good\nbye\n$/)
})

t.test('a cancel marker with JSON content cancels a queued task before its start', async (t) => {
  const id = `task_1_marked${process.pid}`
  await writeFile(join(dir, `${id}.cancel`), '{}')
  await enqueue(dir, { id, command: 'echo ran' })
  t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled before start.', startedAt: null })
  t.notOk(existsSync(join(dir, `${id}.log`)))
})

t.test('a process outside the group does not prevent its task from finishing', async (t) => {
  const id = await enqueue(dir, { command: 'setsid sh -c "sleep 5" & echo leader' })
  t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
  t.equal(await readLogOf(dir, id), 'leader\n')
  killAll(processesOf(id))
})

t.test('a deleted task is logged as deleted when its command has stopped', async (t) => {
  const id = await enqueue(dir, { command: 'echo up; sleep 65' })
  await untilLogged(dir, id, 'up\n')
  t.equal(await deleteTask(tasksDirectory(dir), id, { force: true }), 'deleted')
  await untilGone(dir, id)
  await said.until(`${id} deleted`)
})

t.test('a task that another party finishes is stopped and not written', async (t) => {
  const id = await enqueue(dir, { command: 'echo up; sleep 66' })
  await untilLogged(dir, id, 'up\n')
  const task = await readTaskOf(dir, id)
  await enqueue(dir, { ...task, status: 'failed', errorMessage: 'by another' })
  await said.until(`${id} disowned`)
  t.match(await readTaskOf(dir, id), { status: 'failed', errorMessage: 'by another', completedAt: null })
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('a process that a leader starts just before it exits is terminated', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir, { concurrency: 4 })
  // during `execve` it shows no environment: this happens to some of so many
  await Promise.all([1, 2, 3, 4].map(async () => {
    for (let round = 0; round < 20; round++) {
      const id = await enqueue(dir, { command: 'sleep 63 & exit 4' })
      t.match(await untilEnded(dir, id), { exitCode: 4 })
      t.strictSame(await remainingProcessesOf(id), [])
    }
  }))
})
