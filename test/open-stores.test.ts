import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { tasksPlugin } from '../lib/index.ts'
import { openStore } from '../lib/open-stores.ts'
import type { StoreLogger, TaskStore } from '../lib/store.ts'

const log: StoreLogger = { debug () {}, info () {}, warn () {}, error () {} }

/** Records the calls of `open` and `close`; each call is completed by the test. */
class ControlledStore {
  readonly calls: string[] = []
  readonly #pending: Array<PendingCall> = []

  get store (): TaskStore {
    return this as unknown as TaskStore
  }

  open (): Promise<void> { return this.#record('open') }
  close (): Promise<void> { return this.#record('close') }

  /** Completes the oldest pending call. */
  async complete (error?: Error): Promise<void> {
    const call = this.#pending.shift()
    if (call === undefined) throw new Error(`No call is pending after ${this.calls.join(', ')}.`)
    if (error === undefined) call.resolve()
    else call.reject(error)
    await settled()
  }

  async #record (call: string): Promise<void> {
    this.calls.push(call)
    await new Promise<void>((resolve, reject) => { this.#pending.push({ resolve, reject }) })
  }
}

interface PendingCall {
  resolve (): void
  reject (error: Error): void
}

async function settled (): Promise<void> {
  await new Promise(setImmediate)
}

t.test('openStore opens a shared store once, and its last user closes it', async (t) => {
  const controlled = new ControlledStore()
  const opening = [openStore(controlled.store, log), openStore(controlled.store, log)]
  await settled()
  await controlled.complete()
  const [closeFirst, closeSecond] = await Promise.all(opening) as [() => Promise<void>, () => Promise<void>]
  const closeThird = await openStore(controlled.store, log)
  await closeFirst()
  await closeThird()
  t.strictSame(controlled.calls, ['open'])
  const closing = closeSecond()
  await controlled.complete()
  await closing
  t.strictSame(controlled.calls, ['open', 'close'])
})

t.test('closing twice counts as one user', async (t) => {
  const controlled = new ControlledStore()
  const opening = [openStore(controlled.store, log), openStore(controlled.store, log)]
  await settled()
  await controlled.complete()
  const [close] = await Promise.all(opening)
  await close!()
  await close!()
  t.strictSame(controlled.calls, ['open'])
})

t.test('a failed open rejects all concurrent calls, and the next call opens again', async (t) => {
  const controlled = new ControlledStore()
  const opening = Promise.allSettled([openStore(controlled.store, log), openStore(controlled.store, log)])
  await settled()
  await controlled.complete(new Error('disk'))
  t.match(await opening, [{ status: 'rejected', reason: { message: 'disk' } }, { status: 'rejected', reason: { message: 'disk' } }])
  const again = openStore(controlled.store, log)
  await settled()
  await controlled.complete()
  const closing = (await again)()
  await controlled.complete()
  await closing
  t.strictSame(controlled.calls, ['open', 'open', 'close'])
})

t.test('openStore during the last close waits for it, even if it fails', async (t) => {
  const controlled = new ControlledStore()
  for (const error of [undefined, new Error('disk')]) {
    controlled.calls.length = 0
    const first = openStore(controlled.store, log)
    await settled()
    await controlled.complete()
    const closing = Promise.allSettled([(await first)()])
    const second = openStore(controlled.store, log)
    await settled()
    t.strictSame(controlled.calls, ['open', 'close'])
    await controlled.complete(error)
    t.strictSame(controlled.calls, ['open', 'close', 'open'])
    await controlled.complete()
    t.match(await closing, [{ status: error === undefined ? 'fulfilled' : 'rejected' }])
    const last = Promise.allSettled([(await second)()])
    await controlled.complete()
    await last
  }
})

t.test('the plugin opens and closes a store once for all Fastify instances that share it', async (t) => {
  const calls: string[] = []
  const partial: Partial<TaskStore> = {
    open: async () => { calls.push('open') },
    close: async () => { calls.push('close') },
    subscribe: () => () => {}
  }
  const store = partial as TaskStore
  const register = async (prefixes: string[]): Promise<FastifyInstance> => {
    const app = Fastify()
    t.teardown(() => app.close())
    for (const prefix of prefixes) await app.register(tasksPlugin, { store, prefix })
    await app.ready()
    return app
  }
  const [first, second] = await Promise.all([register(['/a', '/b']), register(['/a'])])
  await first.close()
  t.strictSame(calls, ['open'], 'while the second instance is open')
  await second.close()
  t.strictSame(calls, ['open', 'close'])
  const third = await register(['/a'])
  await third.close()
  t.strictSame(calls, ['open', 'close', 'open', 'close'], 'after the store is opened again')
})
