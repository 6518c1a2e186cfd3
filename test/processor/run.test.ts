import { existsSync, readFileSync } from 'node:fs'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { cancelTask, deleteTask } from '../../lib/protocol/transitions.ts'
import { waitFor } from '../helpers.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import {
  enqueue, killAll, processesOf, remainingProcessesOf, readLogOf, readTaskOf, startProcessor, until, untilEnded, untilGone, untilLogged, makeDirectory
} from './fixtures.ts'

// Eight at once, so that no test waits for another one's command.
const dir = makeDirectory(t)
const { said } = await startProcessor(t, dir, { concurrency: 8 })

t.test('runs a queued task at once, and leaves fields of others alone', async (t) => {
  const began = performance.now()
  const id = await enqueue(dir, { command: 'echo hello', created_by: { name: 'somebody' }, priority: 7 })
  const task = await untilEnded(dir, id)
  t.ok(performance.now() - began < 2500, 'by a hint, not by a look')
  t.match(task, { status: 'completed', exitCode: 0, errorMessage: null, created_by: { name: 'somebody' }, priority: 7 })
  for (const field of ['startedAt', 'completedAt', 'heartbeatAt']) t.equal(new Date(String(task[field])).toISOString(), task[field])
  t.equal(await readLogOf(dir, id), 'hello\n')
  await until(dir, async () => existsSync(join(dir, `${id}.claim`)) ? undefined : true)
  t.strictSame(await remainingProcessesOf(id), [])
})

const commands: Array<[name: string, command: string, exitCode: number, log: string]> = [
  ['a failure', 'echo before; exit 3; echo after', 3, 'before\n'],
  ['a command that is not there', 'no-such-command-at-all 2>/dev/null', 127, ''],
  ['both streams in their order', 'for i in 1 2 3; do echo out $i; echo err $i >&2; done', 0, 'out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n'],
  ['the streams by their names', 'echo a; echo b > /dev/stderr; echo c | tee /dev/stderr; echo d > /dev/stdout', 0, 'a\nb\nc\nc\nd\n'],
  ['quotes and comments', 'echo "it\'s" \'a "quote"\' $((1 + 1)) # and a comment', 0, 'it\'s a "quote" 2\n'],
  ['a leading dash', '-x', 127, /^.*-x: not found\n$/ as unknown as string],
  ['exec', 'echo one; exec echo two', 0, 'one\ntwo\n'],
  ['several lines', 'echo one\necho two\n', 0, 'one\ntwo\n'],
  ['a signal', 'echo one; kill -9 $$', 137, 'one\n'],
  ['no input', 'cat; echo end', 0, 'end\n'],
  ['much output', 'yes 0123456789 | head -n 100000', 0, '0123456789\n'.repeat(100000)],
  ['nothing at all of the wrapper', 'kill -TERM $$', 143, ''],
  ['no descriptor of the wrapper', 'ls -l /proc/self/fd | grep -c socket; for fd in 3 4 5; do (echo x >&$fd) 2>/dev/null && echo $fd; done; true', 0, '0\n']
]
t.test('runs what the shell understands', async (t) => {
  await Promise.all(commands.map(async ([name, command, exitCode, log]) => {
    const id = await enqueue(dir, { command })
    const task = await untilEnded(dir, id)
    t.match(task, {
      status: exitCode === 0 ? 'completed' : 'failed',
      exitCode,
      errorMessage: exitCode === 0 ? null : `Exited with code ${exitCode}.`
    }, name)
    t.match(await readLogOf(dir, id), log, name)
    if (typeof log === 'string') t.equal((await readLogOf(dir, id)).length, log.length, name)
    t.strictSame(await remainingProcessesOf(id), [], name)
  }))
})

t.test('the log has the bytes of the output, whatever they are', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 31) & 255))
  const source = join(makeDirectory(t), 'bytes')
  await writeFile(source, bytes)
  const id = await enqueue(dir, { command: `cat ${source}` })
  await untilEnded(dir, id)
  t.ok(bytes.equals(await readFile(join(dir, `${id}.log`))))
})

t.test('a command finds its task in its environment', async (t) => {
  const command = 'echo "$TASK_ID|$TASK_TYPE|$TASK_APP|$TASK_CONFIG"; env | grep -c "^TASK_CONFIG="; true'
  const plain = await enqueue(dir, { command })
  const full = await enqueue(dir, { command, type: 'backup', app: 'shop', config: { to: ["it's", 1] } })
  const odd = await enqueue(dir, { command, type: 5, app: [], config: null })
  await Promise.all([plain, full, odd].map((id) => untilEnded(dir, id)))
  t.equal(await readLogOf(dir, plain), `${plain}|custom||\n0\n`)
  t.equal(await readLogOf(dir, full), `${full}|backup|shop|{"to":["it's",1]}\n1\n`)
  t.equal(await readLogOf(dir, odd), `${odd}|||null\n1\n`)
})

t.test('a command that the system does not take fails, with the reason', async (t) => {
  const refused: Array<[fields: object, reason: RegExp]> = [
    [{ command: 'echo \0' }, /NUL/],
    [{ command: 'true', app: 'a\0b' }, /NUL/],
    [{ command: `echo ${'x'.repeat(200_000)}` }, /too long/],
    [{ command: 'true', config: 'x'.repeat(200_000) }, /too long/],
    [{ command: 5 }, /no command/],
    [{ command: undefined }, /no command/]
  ]
  for (const [fields, reason] of refused) {
    const id = await enqueue(dir, { ...fields })
    t.match(await untilEnded(dir, id), { status: 'failed', errorMessage: reason, exitCode: null, startedAt: null })
  }
})

t.test('cancelling ends the whole tree, also what ignores TERM', async (t) => {
  const id = await enqueue(dir, { command: '(trap "" TERM; echo deaf; while :; do sleep 1; done) & (sleep 61 | sleep 62) & echo up; wait' })
  await Promise.all([untilLogged(dir, id, 'deaf\n'), untilLogged(dir, id, 'up\n')])
  t.equal(await cancelTask(tasksDirectory(dir), id), 'requested')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 143, errorMessage: 'Cancelled.' })
  t.strictSame(await remainingProcessesOf(id), [])
  await until(dir, async () => existsSync(join(dir, `${id}.cancel`)) ? undefined : true)
})

t.test('a cancel just after the start is seen at once', async (t) => {
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

t.test('a SIGSTOPped command can be cancelled', async (t) => {
  const id = await enqueue(dir, { command: 'trap "echo bye; exit 3" TERM; echo up; kill -STOP $$; echo on; while :; do sleep 0.05; done' })
  await untilLogged(dir, id, 'up\n')
  await waitFor(() => processesOf(id).some((pid) => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))))
  await writeFile(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 3 })
})

t.test('what a command still writes when it is cancelled is in the log', async (t) => {
  const id = await enqueue(dir, { command: 'trap "echo good; echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done' })
  await untilLogged(dir, id, 'up\n')
  await writeFile(join(dir, `${id}.cancel`), '')
  t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: 0 })
  t.match(await readLogOf(dir, id), /up\n(.*\n)?good\nbye\n$/)
})

t.test('a task with a marker is cancelled and never runs', async (t) => {
  const id = `task_1_marked${process.pid}`
  await writeFile(join(dir, `${id}.cancel`), '{}')
  await enqueue(dir, { id, command: 'echo ran' })
  t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled before start.', startedAt: null })
  t.notOk(existsSync(join(dir, `${id}.log`)))
})

t.test('a command ends with its leader: what it left behind is ended', async (t) => {
  const id = await enqueue(dir, { command: 'sleep 63 & echo leader; exit 4' })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4 })
  t.strictSame(await remainingProcessesOf(id), [])
  t.equal(await readLogOf(dir, id), 'leader\n')
})

t.test('a process that left the group does not keep its task from ending', async (t) => {
  const id = await enqueue(dir, { command: 'setsid sh -c "sleep 5" & echo leader' })
  t.match(await untilEnded(dir, id), { status: 'completed', exitCode: 0 })
  t.equal(await readLogOf(dir, id), 'leader\n')
  killAll(processesOf(id))
})

t.test('a timeout ends a command', async (t) => {
  const id = await enqueue(dir, { command: 'echo up; sleep 64', timeoutMs: 100 })
  const odd = await enqueue(dir, { command: 'sleep 0.2', timeoutMs: -5 })
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 100 ms.', timeoutMs: 100 })
  t.match(await untilEnded(dir, odd), { status: 'completed' })
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('deleting by force stops the command, and nothing is left', async (t) => {
  const id = await enqueue(dir, { command: 'echo up; sleep 65' })
  await untilLogged(dir, id, 'up\n')
  t.equal(await deleteTask(tasksDirectory(dir), id, { force: true }), 'deleted')
  await untilGone(dir, id)
  t.strictSame(await remainingProcessesOf(id), [])
  await said.until(`${id} deleted`)
})

t.test('removing the task file stops the command, even without a marker', async (t) => {
  const id = await enqueue(dir, { command: 'trap "sleep 0.1; echo late; exit" TERM; echo up; while :; do sleep 0.05; done' })
  await untilLogged(dir, id, 'up\n')
  await unlink(join(dir, `${id}.json`))
  await untilGone(dir, id)
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('a task that somebody else ends is stopped and not written', async (t) => {
  const id = await enqueue(dir, { command: 'echo up; sleep 66' })
  await untilLogged(dir, id, 'up\n')
  const task = await readTaskOf(dir, id)
  await enqueue(dir, { ...task, status: 'failed', errorMessage: 'by another' })
  await said.until(`${id} disowned`)
  t.match(await readTaskOf(dir, id), { status: 'failed', errorMessage: 'by another', completedAt: null })
  t.strictSame(await remainingProcessesOf(id), [])
})

t.test('what a leader has just started when it ends is ended too', async (t) => {
  const dir = makeDirectory(t)
  await startProcessor(t, dir, { concurrency: 4 })
  // seen while it is being executed, it shows no environment: some of so many are
  await Promise.all([1, 2, 3, 4].map(async () => {
    for (let turn = 0; turn < 20; turn++) {
      const id = await enqueue(dir, { command: 'sleep 63 & exit 4' })
      t.match(await untilEnded(dir, id), { exitCode: 4 })
      t.strictSame(await remainingProcessesOf(id), [])
    }
  }))
})
