import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { TasksClient, TasksError, type Task } from '../../lib/client/index.ts'
import { isTerminal } from '../../lib/shared/task-status.ts'
import { Copy } from '../copy.ts'
import { temporaryDirectory, waitFor } from '../helpers.ts'
import {
  enqueue, makeDirectory, makeStateDirectory, processesOf, readLogOf, readTaskOf, recordsOf, until, untilEnded, untilLogged
} from '../processor/fixtures.ts'
import { randomFrom, type Random } from '../random.ts'
import { enqueueWork, timesRun, describeProblem, type Work } from './counted-work.ts'
import { FaultyServer } from './faulty-server.ts'
import { KillableProcessor } from './killable-processor.ts'
import { hashOf, oddCommands } from './odd-commands.ts'
import { TREES } from './trees.ts'

const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 0)
const BACKOFF = { minDelayMs: 10, maxDelayMs: 200 }

/** @returns `few`, or in a soak test `many` in proportion to SOAK_ROUNDS / 500 */
function scaled (few: number, many: number): number {
  return Math.max(few, Math.round(many * ROUNDS / 500))
}

function seeded (t: Test): Random {
  const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1e9)
  t.comment(`SOAK_SEED=${seed}`)
  return randomFrom(seed)
}

async function untilAllEnded (dir: string, ids: readonly string[]): Promise<void> {
  const open = new Set(ids)
  await until(dir, async () => {
    for (const id of open) {
      if (!isTerminal((await readTaskOf(dir, id)).status)) return undefined
      open.delete(id)
    }
    return true
  })
}

/** Checks that no process, attempt record, claim or marker is left. */
async function checkNothingLeft (t: Test, dir: string, ids: readonly string[], files = /\.(claim|cancel)$/): Promise<void> {
  const rest = () => [
    ...processesOf(ids), ...recordsOf(t), ...readdirSync(dir).filter((name) => files.test(name))
  ]
  await waitFor(() => rest().length === 0, { every: 100 }).catch(() => {})
  t.strictSame(rest(), [])
}

/** Kills the processor at a random moment of its start or of its work. */
async function killAtRandom (processor: KillableProcessor, random: Random): Promise<void> {
  if (random() < 0.7) {
    await processor.start()
    await delay(random() * 300)
  } else {
    processor.spawn()
    await delay(random() * 400)
  }
  await processor.kill()
}

async function compare (t: Test, dir: string, works: readonly Work[], processor: KillableProcessor): Promise<void> {
  const problems: string[] = []
  for (const work of works) {
    const problem = await describeProblem(dir, work)
    if (problem !== undefined) problems.push(problem, ...processor.said.lines.filter((line) => line.includes(work.id)))
  }
  t.strictSame(problems, [])
}

/** The sequence of statuses that a client saw of each task. */
class History {
  readonly #states = new Map<string, string[]>()

  record (tasks: ReadonlyMap<string, Task>): void {
    for (const { id, status } of tasks.values()) {
      const states = this.#states.get(id) ?? []
      this.#states.set(id, states)
      if (states.at(-1) !== status) states.push(status)
    }
  }

  /** The histories that do not match a pattern. */
  except (form: RegExp): string[] {
    return [...this.#states].map(([id, states]) => `${id} ${states.join(' ')}`).filter((line) => !form.test(line))
  }
}

const KILLS = scaled(12, 40)

t.test(`across ${KILLS} kills of the processor, each command runs once and to its end`, { timeout: 60_000 + KILLS * 5000 }, async (t) => {
  const random = seeded(t)
  const dir = makeDirectory(t)
  const counters = await temporaryDirectory(t)
  const processor = new KillableProcessor(t, dir, '--concurrency', '4')
  const works: Work[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    for (let n = 0; n < 5; n++) works.push(await enqueueWork(dir, counters, random))
    for (const { id } of works) processor.owns(id)
    await killAtRandom(processor, random)
  }
  await processor.start()
  await untilAllEnded(dir, works.map(({ id }) => id))
  await compare(t, dir, works, processor)
  await checkNothingLeft(t, dir, works.map(({ id }) => id))
})

const BOTH = scaled(4, 20)

t.test(`across ${BOTH} kills of the processor and the server, a client ends with the state of the directory`, { timeout: 60_000 + BOTH * 5000 }, async (t) => {
  const random = seeded(t)
  const dir = makeDirectory(t)
  const counters = await temporaryDirectory(t)
  const server = new FaultyServer(dir)
  t.teardown(() => server.stop())
  await server.start()
  const client = new TasksClient(server.url, BACKOFF)
  const processor = new KillableProcessor(t, dir, '--concurrency', '4', '--grace', '500ms')
  const copy = new Copy(client.watch({ logs: true }))
  t.teardown(() => copy.live.close())
  const history = new History()
  const taken = copy.consume(() => { history.record(copy.tasks); return undefined })
  taken.catch(() => {})
  const works: Work[] = []
  const requested = new Set<Work>()
  for (let round = 0; round < BOTH; round++) {
    for (let n = 0; n < 6; n++) works.push(await enqueueWork(dir, counters, random))
    for (const { id } of works) processor.owns(id)
    await processor.start()
    await delay(random() * 200)
    for (const work of works.filter(() => random() < 0.1)) {
      requested.add(work)
      client.cancel(work.id).catch(() => {})
    }
    await delay(random() * 200)
    const [first, second] = random.pick([[processor, server], [server, processor]])
    await first!.kill()
    await delay(random() * 100)
    await second!.kill()
    await server.run()
  }
  await processor.start()
  await untilAllEnded(dir, works.map(({ id }) => id))
  const cancelled = new Set<Work>()
  for (const work of works) if ((await readTaskOf(dir, work.id)).status === 'cancelled') cancelled.add(work)
  t.strictSame([...cancelled].filter((work) => !requested.has(work) || timesRun(work) > 1), [])
  for (const { id, output } of cancelled) t.ok(output.startsWith(await readLogOf(dir, id).catch(() => '')))
  await compare(t, dir, works.filter((work) => !cancelled.has(work)), processor)
  let difference: string | undefined
  await Promise.race([taken, waitFor(async () => (difference = await copy.difference(dir)) === undefined).catch(() => {})])
  t.equal(difference, undefined, JSON.stringify(copy.counts))
  // if a processor dies between `running` and the start, the task is queued again
  t.strictSame(history.except(/^\S+( queued| running)* (completed|failed|cancelled)$/), [])
  await checkNothingLeft(t, dir, works.map(({ id }) => id))
})

const CANCELS = scaled(100, 500)

t.test(`${CANCELS} cancellations at random moments lead to one outcome each, as answered`, { timeout: 60_000 + CANCELS * 500 }, async (t) => {
  const random = seeded(t)
  const dir = makeDirectory(t)
  const counters = await temporaryDirectory(t)
  const server = new FaultyServer(dir)
  t.teardown(() => server.stop())
  await server.start()
  const client = new TasksClient(server.url, BACKOFF)
  const processor = new KillableProcessor(t, dir, '--concurrency', '4')
  await processor.start()
  const copy = new Copy(client.watch())
  t.teardown(() => copy.live.close())
  const history = new History()
  copy.consume(() => { history.record(copy.tasks); return undefined }).catch(() => {})

  const works: Work[] = []
  const answers = new Map<string, string[]>()
  const cancelOne = async () => {
    const work = await enqueueWork(dir, counters, random, { steps: random.pick([0, 1, 3]) })
    works.push(work)
    processor.owns(work.id)
    // half of them as soon as the client sees it running, which is near its start or its end
    const waits = () => copy.tasks.get(work.id)?.status === 'queued' || !copy.tasks.has(work.id)
    if (random() < 0.5) await waitFor(() => !waits(), { every: 1 })
    await delay(random.pick([0, 10, 50, 200]) * random())
    const cancels = Array.from({ length: random.pick([1, 1, 2]) }, () => answerOf(client, work.id))
    answers.set(work.id, await Promise.all(cancels))
  }
  const cancelSome = async () => { while (works.length < CANCELS) await cancelOne() }
  await Promise.all([1, 2, 3, 4, 5, 6].map(cancelSome))
  await untilAllEnded(dir, works.map(({ id }) => id))
  const ends: Record<string, number> = {}
  const problems: string[] = []
  for (const work of works) {
    const task = await readTaskOf(dir, work.id)
    const hasStarted = task.startedAt !== null
    const received = answers.get(work.id)!
    const end = `${task.status} ${hasStarted ? 'after' : 'before'} start`
    ends[end] = (ends[end] ?? 0) + 1
    const problem = task.status === 'cancelled'
      ? timesRun(work) > (hasStarted ? 1 : 0) && `it ran ${timesRun(work)} times`
      : received.includes('cancelled') ? 'it was not cancelled' : await describeProblem(dir, work)
    if (problem) problems.push(`${work.id} ${end}, answers ${received}: ${problem}`)
  }
  t.strictSame(problems, [])
  t.comment(JSON.stringify(ends))
  await waitFor(async () => (await copy.difference(dir))?.startsWith('the log') !== false).catch(() => {})
  t.strictSame(history.except(/^\S+( queued)?( running)? (completed|failed|cancelled)$/), [])
  await checkNothingLeft(t, dir, works.map(({ id }) => id))
})

async function answerOf (client: TasksClient, id: string): Promise<string> {
  try {
    const answer = await client.cancel(id)
    return answer.outcome === 'requested' ? answer.outcome : answer.task.status
  } catch (error) {
    if (error instanceof TasksError && error.statusCode === 409) return 'too late'
    throw error
  }
}

const MEGABYTES = scaled(20, 100)

t.test(`unusual commands with ${MEGABYTES} MB of output keep every byte and their exit code, also across a kill of the processor`, { timeout: 120_000 }, async (t) => {
  const random = seeded(t)
  const dir = makeDirectory(t)
  const flags = await temporaryDirectory(t)
  const processor = new KillableProcessor(t, dir, '--concurrency', '50')
  const wait = (flag: string) => `{ : > ${flags}/${flag}-$TASK_ID; while [ ! -e ${flags}/${flag} ]; do sleep 0.1; done; }`
  const enqueueAll = async (flags: [string, string]) => await Promise.all(oddCommands([wait(flags[0]), wait(flags[1])], MEGABYTES * 1e6)
    .map(async (odd) => ({ ...odd, id: processor.owns(await enqueue(dir, { command: odd.command })) })))
  const wave = (flag: string) => writeFile(join(flags, flag), '')
  const reached = async (flag: string, tasks: ReadonlyArray<{ id: string }>) => {
    await until(flags, async () => tasks.every(({ id }) => existsSync(join(flags, `${flag}-${id}`))) ? true : undefined)
  }
  const check = async (tasks: Awaited<ReturnType<typeof enqueueAll>>, when: string) => {
    await untilAllEnded(dir, tasks.map(({ id }) => id))
    for (const { id, name, exitCode, hash, normalize = (log: Buffer) => log } of tasks) {
      const task = await readTaskOf(dir, id)
      const log = await readFile(join(dir, `${id}.log`))
      t.match(task, { status: exitCode === 0 ? 'completed' : 'failed', exitCode }, `${name}, ${when}`)
      t.equal(hashOf(normalize(log)), hash, `${name}, ${when}: ${log.length} bytes, ${JSON.stringify(log.toString('latin1', 0, 40))}`)
    }
  }

  await wave('no')
  await processor.start()
  const undisturbed = await enqueueAll(['no', 'no'])
  await check(undisturbed, 'undisturbed')
  const disturbed = await enqueueAll(['first', 'second'])
  await reached('first', disturbed)
  await wave('first')
  await delay(random() * 30)
  await processor.kill()
  await reached('second', disturbed)
  await Promise.all([processor.start(), delay(random() * 300).then(() => wave('second'))])
  await check(disturbed, 'across a kill')
  await checkNothingLeft(t, dir, [...undisturbed, ...disturbed].map(({ id }) => id))
})

t.test('processes that outlive their command are terminated with it, also by a processor that adopted it', { timeout: 120_000 }, async (t) => {
  const dir = makeDirectory(t)
  const flags = await temporaryDirectory(t)
  const processor = new KillableProcessor(t, dir, '--concurrency', '100', '--grace', '700ms')
  const start = async (command: string, fields = {}) => processor.owns(await enqueue(dir, { command, ...fields }))
  const wait = (flag: string) => `while [ ! -e ${join(flags, flag)} ]; do sleep 0.1; done`
  const cancel = (id: string) => writeFile(join(dir, `${id}.cancel`), '')
  await processor.start()
  const late = await start('echo up; sleep 100', { timeoutMs: 5000 })
  const [before, across, after] = await Promise.all([1, 2, 3].map(async () => await Promise.all(TREES.map(({ command }) => start(command)))))
  const left = await Promise.all(['early', 'dead', 'adopted'].map((flag) => start(`(trap '' TERM; sleep 100) & (sleep 100 &); echo up; ${wait(flag)}; exit 3`)))
  const close = await Promise.all(Array.from({ length: 10 }, () => start(`echo up; ${wait('close')}`)))
  const ids = [late, ...before!, ...across!, ...after!, ...left, ...close]
  await Promise.all(ids.map((id) => untilLogged(dir, id, 'up\n')))

  await writeFile(join(flags, 'early'), '')
  await Promise.all(before!.map(cancel))
  await untilAllEnded(dir, [...before!, left[0]!])
  await Promise.all(across!.map(cancel))
  await waitFor(() => across!.every((id) => isStopping(t, id)))
  await processor.kill()
  await writeFile(join(flags, 'dead'), '')
  await delay(Date.parse((await readTaskOf(dir, late)).startedAt as string) + 5000 - Date.now())
  await processor.start()
  const adopted = performance.now()
  t.match(await untilEnded(dir, late), { status: 'failed', errorMessage: 'Timed out after 5000 ms.' })
  t.ok(performance.now() - adopted < 4000, 'its time limit counts from its start')
  await writeFile(join(flags, 'adopted'), '')
  await Promise.all([...after!.map(cancel), ...close.map(cancel), writeFile(join(flags, 'close'), '')])
  await untilAllEnded(dir, ids)
  for (const tasks of [before!, across!, after!]) {
    for (const [n, { name, exitCode }] of TREES.entries()) t.match(await readTaskOf(dir, tasks[n]!), { status: 'cancelled', exitCode }, name)
  }
  for (const id of left) t.match(await readTaskOf(dir, id), { status: 'failed', exitCode: 3 })
  for (const id of close) t.match(await readTaskOf(dir, id), { status: /completed|cancelled/ })
  await checkNothingLeft(t, dir, ids)
})

/** Whether the processor is terminating the command, or the task is finished. */
function isStopping (t: Test, id: string): boolean {
  const root = makeStateDirectory(t)
  const [folder = ''] = readdirSync(root)
  const record = recordsOf(t).find((name) => name.startsWith(`${id}.`))
  return record === undefined || readFileSync(join(root, folder, record), 'latin1').includes('\nstop ')
}

t.test('the next processor continues to terminate the commands of a processor that was killed while it stopped', { timeout: 60_000 }, async (t) => {
  const dir = makeDirectory(t)
  const processor = new KillableProcessor(t, dir, '--grace', '1500ms')
  await processor.start()
  const id = processor.owns(await enqueue(dir, { command: "trap '' TERM; echo up; while :; do sleep 1; done" }))
  await untilLogged(dir, id, 'up\n')
  processor.signal('SIGTERM')
  await waitFor(() => isStopping(t, id))
  await processor.kill()
  await processor.start()
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 137, errorMessage: 'The processor was stopped.' })
  await checkNothingLeft(t, dir, [id])
})

/** Approximate number of changes from a processor's start to the end of four tasks. */
const CHANGES = 160
const DEATHS = scaled(6, CHANGES)

t.test(`a processor that dies before any of its file changes, ${DEATHS} times, loses and repeats nothing`, { timeout: 60_000 + DEATHS * 5000 }, async (t) => {
  const random = seeded(t)
  const counters = await temporaryDirectory(t)
  let died = 0
  const dieOnce = async (t: Test, change: number) => {
    const dir = makeDirectory(t)
    const processor = new KillableProcessor(t, dir, '--concurrency', '3')
    const works = await Promise.all([1, 2].map(() => enqueueWork(dir, counters, random, { steps: 2 })))
    const marked = await enqueue(dir, { command: `echo x >> ${join(counters, `of-${change}`)}` })
    await writeFile(join(dir, `${marked}.cancel`), '{}')
    const cancelled = await enqueue(dir, { command: 'echo up; sleep 100' })
    const ids = [marked, cancelled, ...works.map(({ id }) => id)].map((id) => processor.owns(id))
    const done = Promise.all([
      untilAllEnded(dir, ids),
      untilLogged(dir, cancelled, 'up\n').then(() => writeFile(join(dir, `${cancelled}.cancel`), ''))
    ])
    // sometimes the next processor dies in its recovery
    for (const death of random() < 0.5 ? [change] : [change, 1 + random.below(60)]) {
      const ended = new Promise((resolve) => processor.spawn(death).once('exit', resolve))
      await Promise.race([ended.then(() => died++), done])
      await processor.kill()
    }
    await processor.start()
    await done
    t.match(await readTaskOf(dir, marked), { status: 'cancelled', startedAt: null })
    t.match(await readTaskOf(dir, cancelled), { status: 'cancelled', exitCode: 143 })
    t.notOk(existsSync(join(counters, `of-${change}`)))
    await compare(t, dir, works, processor)
    // the marker of a finished task is removed after some seconds
    await checkNothingLeft(t, dir, ids, /\.claim$/)
  }
  for (let n = 0; n < DEATHS; n++) {
    const change = ROUNDS > 0 ? 1 + n % CHANGES : 1 + random.below(CHANGES)
    await t.test(`before change ${change} (${n})`, (t) => dieOnce(t, change))
  }
  t.comment(`died ${died} times`)
})
