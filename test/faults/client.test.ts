import { appendFile, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { Copy } from '../copy.ts'
import { putTask, temporaryDirectory, waitFor } from '../helpers.ts'
import { FaultyServer } from './faulty-server.ts'
import { randomFrom, type Random } from '../random.ts'

const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 12)
const TASKS = 60
const BACKOFF = { minDelayMs: 10, maxDelayMs: 200 }

/** Never repeats bytes: a rewrite that keeps the first and last 64 bytes of a log cannot be detected. */
let written = 0
const TEXTS: Array<(random: Random) => Buffer> = [
  () => Buffer.from(`line ${written++} of output\n`),
  () => Buffer.from(`Größe ${written++}: 5 µm → ok, 進捗 🙂\n`),
  // an incomplete last character
  (random) => Buffer.from(`${written++} 🙂🙂`).subarray(0, -1 - random.below(3)),
  (random) => Buffer.from([0xff, 0xfe, written++ & 0xff, random.below(256), 0x0a]),
  (random) => Buffer.from(`${written++} `.repeat(random.below(20_000)))
]

/** A program that creates, runs, logs, finishes and deletes tasks in the directory. */
class Workload {
  readonly #dir: string
  readonly #random: Random
  #states = new Map<string, 'running' | 'ended'>()
  #version = 0

  constructor (dir: string, random: Random) {
    this.#dir = dir
    this.#random = random
  }

  async step (): Promise<void> {
    const id = `task_${1000 + this.#random.below(TASKS)}_soak`
    const state = this.#states.get(id)
    const log = join(this.#dir, `${id}.log`)
    const text = () => this.#random.pick(TEXTS)(this.#random)
    if (state === undefined) return await this.#put(id, 'running')
    const dice = this.#random.below(100)
    if (dice < 5) return await this.#delete(id)
    if (state === 'ended') return
    if (dice < 10) return await this.#put(id, 'ended')
    if (dice < 20) return await this.#put(id, 'running')
    if (dice < 24) await truncate(log, this.#random.below((await stat(log).catch(() => ({ size: 0 }))).size + 1)).catch(() => {})
    else if (dice < 27) await writeFile(log, Buffer.concat([text(), text(), text()]))
    else if (dice < 29) {
      await writeFile(join(this.#dir, `.${id}.new`), text())
      await rename(join(this.#dir, `.${id}.new`), log)
    } else await appendFile(log, text())
  }

  /** Finishes each task: after that, an incomplete last character of its log is delivered. */
  async finish (): Promise<void> {
    for (const [id, state] of this.#states) if (state === 'running') await this.#put(id, 'ended')
  }

  async #put (id: string, state: 'running' | 'ended'): Promise<void> {
    await putTask(this.#dir, id, { version: this.#version++, status: state === 'running' ? 'running' : this.#random.pick(['completed', 'failed']) })
    this.#states.set(id, state)
  }

  async #delete (id: string): Promise<void> {
    this.#states.delete(id)
    for (const kind of this.#random.pick([['json', 'log'], ['log', 'json']])) await rm(join(this.#dir, `${id}.${kind}`), { force: true })
  }
}

t.test(`across ${ROUNDS} rounds of cut connections and killed servers, clients end with the state of the directory`, { timeout: 60_000 + ROUNDS * 5000 }, async (t) => {
  const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1e9)
  t.comment(`SOAK_SEED=${seed}`)
  const random = randomFrom(seed)
  const dir = await temporaryDirectory(t)
  const server = new FaultyServer(dir)
  t.teardown(() => server.stop())
  await putTask(dir, 'task_1_long', { status: 'running' })
  await server.start()

  const client = new TasksClient(server.url, BACKOFF)
  const copies = { fast: new Copy(client.watch({ logs: true })), slow: new Copy(client.watch({ logs: true })) }
  t.teardown(() => { for (const { live } of Object.values(copies)) live.close() })
  let slowness = 30
  const taken = Promise.all([
    copies.fast.consume(() => undefined),
    copies.slow.consume(() => slowness > 0 && random() < 0.2 ? delay(random() * slowness) : undefined)
  ])
  // an error of a copy fails the test immediately
  taken.catch(() => {})

  const workload = new Workload(dir, random)
  const followed = new Copy(client.watch())
  const end = (async () => {
    const log = client.followLog('task_1_long')
    let next = await log.next()
    for (; next.done !== true; next = await log.next()) followed.addLog('task_1_long', next.value)
    return next.value
  })()
  end.catch(() => {})

  const stop = new AbortController()
  const worked = (async () => {
    while (!stop.signal.aborted) {
      await workload.step()
      await appendFile(join(dir, 'task_1_long.log'), random.pick(TEXTS)(random))
      if (random() < 0.3) await delay(random() * 4)
    }
  })()
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.race([delay(100 + random() * 700), taken])
    if (random() < 0.5) {
      await server.kill()
      await delay(random() * 100)
      await server.run()
    } else {
      server.cut(() => random() < 0.7)
    }
  }
  stop.abort()
  await worked
  await workload.finish()
  await putTask(dir, 'task_1_long', { status: 'completed' })
  slowness = 0
  for (const [name, copy] of Object.entries(copies)) {
    let difference: string | undefined
    await Promise.race([taken, waitFor(async () => (difference = await copy.difference(dir)) === undefined, { timeout: 30_000, every: 50 }).catch(() => {})])
    t.equal(difference, undefined, `${name}: ${JSON.stringify(copy.counts)}`)
  }
  t.strictSame(await end, { status: 'completed' })
  const log = await readFile(join(dir, 'task_1_long.log'))
  t.ok(Buffer.concat(followed.logs.get('task_1_long')!).equals(log), `followed: ${log.length} bytes, ${JSON.stringify(followed.counts)}`)
  t.equal(followed.counts.truncations, 0, 'a log that was only appended to is never delivered again')
})
