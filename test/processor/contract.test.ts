import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { link, mkdir, open, readFile, rename, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { cancelTask, deleteTask } from '../../lib/protocol/transitions.ts'
import { wakeProcessor } from '../../lib/directory/wake-processor.ts'
import { enqueue, remainingProcessesOf, readLogOf, readTaskOf, until, untilAbsent, untilEnded, untilGone, untilLogged } from './fixtures.ts'
import { makePlace, PROGRAMS, put, startProgram, type ProcessorProgram } from './processors.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

// The contract of every processor, tested with each as a separate process: only its files are observed.

const LOCK = '.processor.lock.pid'

/** Tests that share one processor, which runs eight tasks at a time. */
const SHARED: Record<string, (t: Test, dir: string) => Promise<void>> = {
  async 'runs a queued task and leaves fields of others alone' (t, dir) {
    const id = await put(dir, { command: 'echo hello', created_by: { name: 'another' }, priority: 7 })
    const task = await untilEnded(dir, id)
    t.match(task, { status: 'completed', exitCode: 0, errorMessage: null, created_by: { name: 'another' }, priority: 7 })
    for (const field of ['startedAt', 'completedAt', 'heartbeatAt']) t.equal(new Date(String(task[field])).toISOString(), task[field])
    t.equal(await readLogOf(dir, id), 'hello\n')
    for (const kind of ['json', 'log']) t.equal(statSync(join(dir, `${id}.${kind}`)).mode & 0o777, 0o640)
    await untilAbsent(dir, `${id}.claim`)
  },

  async 'reports exit codes, and logs both streams in their order' (t, dir) {
    const table: Array<[command: string, exitCode: number, log: string]> = [
      ['echo before; exit 3; echo after', 3, 'before\n'],
      ['no-such-command-at-all 2>/dev/null', 127, ''],
      ['for i in 1 2 3; do echo out $i; echo err $i >&2; done', 0, 'out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n'],
      ['echo a; echo b > /dev/stderr; echo c | tee /dev/stderr; echo d > /dev/stdout', 0, 'a\nb\nc\nc\nd\n'],
      ['echo "it\'s" \'a "quote"\' `echo x` $((1 + 1)) "\\$(y)" # and a comment', 0, 'it\'s a "quote" x 2 $(y)\n'],
      ['echo one; exec echo two', 0, 'one\ntwo\n'],
      ['echo one\necho two\n\n', 0, 'one\ntwo\n'],
      ['kill -9 $$', 137, ''],
      ['kill -TERM $$', 143, ''],
      ['kill -INT $$; echo ignoring', 130, ''],
      ['cat; echo end', 0, 'end\n'],
      ['for fd in 3 4 5 6; do (echo x >&$fd) 2>/dev/null && echo $fd; done; umask', 0, `${process.umask().toString(8).padStart(4, '0')}\n`]
    ]
    await Promise.all(table.map(async ([command, exitCode, log]) => {
      const id = await put(dir, { command })
      t.match(await untilEnded(dir, id), {
        status: exitCode === 0 ? 'completed' : 'failed',
        exitCode,
        errorMessage: exitCode === 0 ? null : `Exited with code ${exitCode}.`
      }, command)
      t.equal(await readLogOf(dir, id), log, command)
    }))
    const none = await put(dir, { command: ' ' })
    t.match(await untilEnded(dir, none), { status: 'failed', exitCode: null, startedAt: null, errorMessage: 'The command is empty.' })
  },

  async 'logs exactly the bytes of the output' (t, dir) {
    const bytes = Buffer.from(Array.from({ length: 5 * 1024 * 1024 }, (_, i) => (i * 31 + (i >> 8)) & 255))
    const source = join(dir, '.source')
    await writeFile(source, bytes)
    const id = await put(dir, { command: `cat ${source}` })
    await untilEnded(dir, id)
    t.ok(bytes.equals(await readFile(join(dir, `${id}.log`))))
  },

  async 'passes the task to its command in the environment' (t, dir) {
    const command = 'echo "$TASK_ID|$TASK_TYPE|$TASK_APP|$TASK_CONFIG"; env | grep -c "^TASK_CONFIG="; true'
    const [plain, full, odd] = await Promise.all([
      put(dir, { command }),
      put(dir, { command, type: 'back\nup', app: '$(x) `y`', config: { to: ["it's", 1] } }),
      put(dir, { command, type: 5, app: [], config: null })
    ])
    await Promise.all([plain, full, odd].map((id) => untilEnded(dir, id)))
    t.equal(await readLogOf(dir, plain), `${plain}|custom||\n0\n`)
    t.equal(await readLogOf(dir, full), `${full}|back\nup|$(x) \`y\`|{"to":["it's",1]}\n1\n`)
    t.equal(await readLogOf(dir, odd), `${odd}|||null\n1\n`)
  },

  async 'cancels a queued task with a cancel marker before its start' (t, dir) {
    const id = 'task_1_marked'
    await writeFile(join(dir, `${id}.cancel`), '')
    await put(dir, { id, command: 'echo ran' })
    t.match(await untilEnded(dir, id), { status: 'cancelled', errorMessage: 'Cancelled before start.', startedAt: null })
    t.notOk(existsSync(join(dir, `${id}.log`)))
    await untilAbsent(dir, `${id}.cancel`)
  },

  async 'does not run a task that another party has claimed until the claim is released' (t, dir) {
    const claim = join(dir, 'task_1_claimed.claim')
    await writeFile(claim, '{"by":"cancel","nonce":"of another"}')
    const id = await put(dir, { id: 'task_1_claimed', command: 'echo ran' })
    await untilEnded(dir, await put(dir))
    t.match(await readTaskOf(dir, id), { status: 'queued' })
    await unlink(claim)
    t.match(await untilEnded(dir, id), { status: 'completed' })
  },

  async 'terminates all processes of a cancelled task, including those that ignore TERM' (t, dir) {
    const ignoring = await put(dir, { command: '(trap "" TERM; echo ignoring; while :; do sleep 1; done) & (sleep 61 | sleep 62) & echo up; wait' })
    const forked = await put(dir, { command: '(sh -c "trap \\"\\" TERM; echo ignoring; while :; do sleep 1; done" &) ; echo up; sleep 63' })
    const obeying = await put(dir, { command: 'trap "echo bye; exit 0" TERM; echo up; echo ignoring; while :; do sleep 0.05; done' })
    await Promise.all([ignoring, forked, obeying].map(async (id) => {
      await Promise.all([untilLogged(dir, id, 'ignoring\n'), untilLogged(dir, id, 'up\n')])
      await cancelTask(tasksDirectory(dir), id)
      t.match(await untilEnded(dir, id), { status: 'cancelled', exitCode: id === obeying ? 0 : 143, errorMessage: 'Cancelled.' })
      t.strictSame(await remainingProcessesOf(id), [])
      await untilAbsent(dir, `${id}.cancel`)
    }))
    t.match(await readLogOf(dir, obeying), /bye\n$/)
  },

  async 'finishes a task when its leader exits, and terminates the remaining processes' (t, dir) {
    const id = await put(dir, { command: '(trap "" TERM; sleep 64) & echo leader; exit 4' })
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 4, errorMessage: 'Exited with code 4.' })
    t.equal(await readLogOf(dir, id), 'leader\n')
    t.strictSame(await remainingProcessesOf(id), [])
  },

  async 'terminates a command at its time limit, and ignores invalid limits' (t, dir) {
    const id = await put(dir, { command: 'sleep 65', timeoutMs: 100 })
    const odd = await Promise.all([-5, 2 ** 31, 2 ** 40].map((timeoutMs) => put(dir, { command: 'sleep 0.2', timeoutMs })))
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 143, errorMessage: 'Timed out after 100 ms.', timeoutMs: 100 })
    for (const id of odd) t.match(await untilEnded(dir, id), { status: 'completed' })
    t.strictSame(await remainingProcessesOf(id), [])
  },

  async 'stops the command of a deleted task and removes its files' (t, dir) {
    const forced = await put(dir, { command: 'echo up; sleep 66' })
    const vanished = await put(dir, { command: 'trap "sleep 0.1; echo late; exit" TERM; echo up; while :; do sleep 0.05; done' })
    await Promise.all([forced, vanished].map((id) => untilLogged(dir, id, 'up\n')))
    t.equal(await deleteTask(tasksDirectory(dir), forced, { force: true }), 'deleted')
    await unlink(join(dir, `${vanished}.json`))
    await Promise.all([forced, vanished].map((id) => untilGone(dir, id)))
    for (const id of [forced, vanished]) t.strictSame(await remainingProcessesOf(id), [])
  },

  async 'fails a task whose log is a link or not a regular file, and writes nothing through it' (t, dir) {
    const secret = join(dir, '.secret')
    await writeFile(secret, 'untouched\n')
    const made: Array<[name: string, make: (path: string) => Promise<unknown>]> = [
      ['symlink', (path) => symlink(secret, path)],
      ['dangling', (path) => symlink(join(dir, '.new'), path)],
      ['hardlink', (path) => link(secret, path)],
      ['directory', (path) => mkdir(path)],
      ['fifo', async (path) => execFileSync('mkfifo', [path])]
    ]
    await Promise.all(made.map(async ([name, make]) => {
      await make(join(dir, `task_1_${name}.log`))
      const id = await put(dir, { id: `task_1_${name}`, command: 'echo written' })
      t.match(await untilEnded(dir, id), { status: 'failed', errorMessage: /log cannot be written: it /, startedAt: null }, name)
    }))
    t.equal(await readFile(secret, 'utf8'), 'untouched\n')
    t.notOk(existsSync(join(dir, '.new')))
  },

  async 'does not change files that are not tasks, and runs tasks beside them' (t, dir) {
    const queued = (id: string, more = '') => `{"id":"${id}","status":"queued","command":"echo x"${more}}`
    for (let i = 0; i < 8; i++) execFileSync('mkfifo', [join(dir, `task_2_fifo${i}.json`)])
    await mkdir(join(dir, 'task_2_folder.json'))
    await writeFile(join(dir, '.elsewhere'), queued('task_2_link'))
    await symlink('.elsewhere', join(dir, 'task_2_link.json'))
    const texts = {
      task_2_text: 'no json',
      task_2_other: queued('task_3_other'),
      task_2_two: queued('task_2_two').repeat(2),
      task_2_huge: queued('task_2_huge', `,"config":"${'x'.repeat(1024 * 1024)}"`),
      'task_2_a.b': queued('task_2_a.b')
    }
    await Promise.all(Object.entries(texts).map(([id, text]) => writeFile(join(dir, `${id}.json`), text)))
    t.match(await untilEnded(dir, await put(dir)), { status: 'completed' })
    t.match(await untilEnded(dir, await put(dir)), { status: 'completed' })
    for (const [id, text] of Object.entries(texts)) t.ok(readFileSync(join(dir, `${id}.json`), 'utf8') === text, id)
    t.equal(await readFile(join(dir, '.elsewhere'), 'utf8'), queued('task_2_link'))
  },

  async 'runs a task file that is written in place when it is complete' (t, dir) {
    const file = await open(join(dir, 'task_1_slow.json'), 'w')
    await file.write('{"id":"task_1_slow","status":"queued",')
    await wakeProcessor(dir, 'task_1_slow')
    await untilEnded(dir, await put(dir))
    t.notOk(existsSync(join(dir, 'task_1_slow.log')))
    await file.write('"command":"echo whole"}')
    await file.close()
    t.match(await untilEnded(dir, 'task_1_slow'), { status: 'completed' })
  }
}

/** Tests that need their own directory and processor. */
const OWN: Record<string, (t: Test, program: ProcessorProgram) => Promise<void>> = {
  async 'runs tasks one by one, in the order of their creation' (t, program) {
    const place = await makePlace(t)
    const order = join(place.dir, 'order')
    const ids = await Promise.all([5, 1, 4, 2, 3].map((n) => enqueue(place.dir, {
      command: `echo start ${n} >> ${order}; echo end ${n} >> ${order}`,
      ...(n === 2 ? { createdAt: undefined, created_at: '2026-01-02T00:00:00Z' } : { createdAt: `2026-01-0${n}T00:00:00.5Z` })
    })))
    startProgram(t, program, place)
    await Promise.all(ids.map((id) => untilEnded(place.dir, id)))
    t.equal(await readFile(order, 'utf8'), [1, 2, 3, 4, 5].map((n) => `start ${n}\nend ${n}\n`).join(''))
  },

  async 'either cancels a task before its start or runs it, never both' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    await startProgram(t, program, place, 4).ready()
    const outcomes: boolean[] = []
    const race = async (ran: string, afterMs: number) => {
      const id = await enqueue(dir, { command: `echo ran > ${ran}` })
      const woken = wakeProcessor(dir, id)
      if (afterMs > 0) await sleep(afterMs)
      await cancelTask(tasksDirectory(dir), id)
      const { errorMessage } = await untilEnded(dir, id)
      const never = errorMessage === 'Cancelled before start.'
      if (never) t.notOk(existsSync(ran) || existsSync(join(dir, `${id}.log`)))
      outcomes.push(never)
      await woken
    }
    // one after another in four lanes, each cancelled at a random moment
    await Promise.all([0, 1, 2, 3].map(async (lane) => {
      const startedAt = performance.now()
      await untilEnded(dir, await put(dir))
      const took = Math.min(performance.now() - startedAt, 250)
      for (let i = 0; i < 13; i++) await race(join(dir, `.ran${lane}-${i}`), i % 3 === 0 ? 0 : Math.random() ** 2 * took)
    }))
    t.comment(`${outcomes.filter(Boolean).length} of ${outcomes.length} were cancelled before they started`)
  },

  async 'holds a lock with a heartbeat, and claims no more tasks when another processor takes it' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    const lock = join(dir, LOCK)
    const processor = startProgram(t, program, place, 2)
    await processor.ready()
    t.match(await readFile(lock, 'utf8'), new RegExp(`^${processor.child.pid}\nheartbeat \\S+\n$`))
    const before = statSync(lock).mtimeMs
    await until(dir, async () => statSync(lock).mtimeMs > before ? true : undefined)
    const running = await put(dir, { command: `echo up; while [ ! -e ${join(dir, 'go')} ]; do sleep 0.05; done` })
    await untilLogged(dir, running, 'up\n')

    await writeFile(join(dir, '.lock'), '1\nheartbeat another\n')
    await rename(join(dir, '.lock'), lock)
    const late = await put(dir, { command: 'echo ran' })
    await writeFile(join(dir, 'go'), '')
    t.match(await untilEnded(dir, running), { status: 'completed' })
    t.match(await processor.ended, { code: 1 })
    t.match(await readTaskOf(dir, late), { status: 'queued' })
    t.equal(await readFile(lock, 'utf8'), '1\nheartbeat another\n')
  },

  async 'does not start while another processor is alive' (t, program) {
    const place = await makePlace(t)
    const lock = join(place.dir, LOCK)
    await writeFile(lock, '4711\nheartbeat another\n')
    const beat = setInterval(() => { utimes(lock, new Date(), new Date()) }, 500)
    t.teardown(() => clearInterval(beat))
    const id = await enqueue(place.dir)
    t.match(await startProgram(t, program, place).ended, { code: 1, output: 'Another processor is running in this directory (process 4711).' })
    t.equal(await readFile(lock, 'utf8'), '4711\nheartbeat another\n')
    t.match(await readTaskOf(place.dir, id), { status: 'queued' })
  },

  async 'takes the lock of a dead processor, and recovers its tasks' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    await writeFile(join(dir, LOCK), '4711\nheartbeat of-a-dead-one\n')
    const running = await enqueue(dir, { status: 'running', startedAt: '2026-01-01T00:00:00.000Z', mine: 1 })
    const cancelled = await enqueue(dir, { status: 'running' })
    const claimed = await enqueue(dir)
    const ended = await enqueue(dir, { status: 'completed', exitCode: 0 })
    await writeFile(join(dir, `${cancelled}.cancel`), '{}')
    for (const id of [running, claimed, ended]) await writeFile(join(dir, `${id}.claim`), '{"by":"processor","nonce":"of a dead one"}')
    await startProgram(t, program, place).ready()
    t.match(await untilEnded(dir, running), { status: 'failed', exitCode: null, errorMessage: String, mine: 1 })
    t.match(await untilEnded(dir, cancelled), { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
    t.match(await untilEnded(dir, claimed), { status: 'completed' })
    t.match(await readTaskOf(dir, ended), { status: 'completed', completedAt: null }, 'a finished task is not written')
    await Promise.all([running, claimed, ended].map((id) => untilAbsent(dir, `${id}.claim`)))
    await untilAbsent(dir, `${cancelled}.cancel`)
  },

  async 'finishes all tasks after it was killed, and runs none twice' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    const [ran, go] = [join(dir, 'ran'), join(dir, 'go')]
    const first = startProgram(t, program, place, 2)
    await first.ready()
    const command = (n: number) => `echo ${n} >> ${ran}; echo up; while [ ! -e ${go} ]; do sleep 0.05; done`
    const running = await Promise.all([put(dir, { command: command(0) }), put(dir, { command: command(1) })])
    await Promise.all(running.map((id) => untilLogged(dir, id, 'up\n')))
    const waiting = await Promise.all([2, 3, 4].map((n) => put(dir, { command: command(n) })))
    first.child.kill('SIGKILL')
    await first.ended
    await startProgram(t, program, place, 2).ready()
    await writeFile(go, '')
    await Promise.all(running.map((id) => untilEnded(dir, id)))
    for (const id of waiting) t.match(await untilEnded(dir, id), { status: 'completed' })
    t.strictSame((await readFile(ran, 'utf8')).split('\n').sort(), ['', '0', '1', '2', '3', '4'])
  },

  async 'fails a task whose wrapper is killed, and terminates its processes' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    await startProgram(t, program, place).ready()
    const go = join(dir, 'go')
    const id = await put(dir, { command: `echo $PPID; while [ ! -e ${go} ]; do sleep 0.05; done; echo late` })
    await untilLogged(dir, id, '\n')
    process.kill(Number(await readLogOf(dir, id)), 'SIGKILL')
    await writeFile(go, '')
    t.match(await untilEnded(dir, id), { status: 'failed', exitCode: null, errorMessage: String })
    t.strictSame(await remainingProcessesOf(id), [])
    t.match(await untilEnded(dir, await put(dir)), { status: 'completed' }, 'its slot is free')
  },

  async 'stops on SIGTERM: terminates the running commands and releases its files' (t, program) {
    const place = await makePlace(t)
    const { dir } = place
    const processor = startProgram(t, program, place)
    await processor.ready()
    const running = await put(dir, { command: '(trap "" TERM; sleep 67) & echo up; sleep 68' })
    await untilLogged(dir, running, 'up\n')
    const waiting = await put(dir)
    processor.child.kill('SIGTERM')
    t.match(await processor.ended, { code: 0 })
    t.match(await readTaskOf(dir, running), { status: 'failed', exitCode: 143, errorMessage: 'The processor was stopped.' })
    t.match(await readTaskOf(dir, waiting), { status: 'queued' })
    t.strictSame(await remainingProcessesOf(running), [])
    for (const name of [LOCK, '.queue.fifo']) t.notOk(existsSync(join(dir, name)), name)
  }
}

t.jobs = PROGRAMS.length
for (const program of PROGRAMS) {
  t.test(program.name, { skip: program.skip, buffered: true }, async (t) => {
    // some wait for ten seconds; but more of them at a time than a small machine can run would delay each other
    t.jobs = 4
    for (const [name, test] of Object.entries(OWN)) t.test(name, { buffered: true }, (t) => test(t, program))
    t.test('one processor', { buffered: true }, async (t) => {
      const place = await makePlace(t)
      await startProgram(t, program, place, 8).ready()
      t.jobs = 4
      for (const [name, test] of Object.entries(SHARED)) t.test(name, { buffered: true }, (t) => test(t, place.dir))
    })
  })
}
