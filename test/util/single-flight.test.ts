import t from 'tap'
import { SingleFlight } from '../../lib/util/single-flight.ts'

/** A promise with its functions. */
function deferred<T = void> (): { promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void } {
  let [resolve, reject] = [(_: T) => {}, (_: Error) => {}]
  const promise = new Promise<T>((...functions) => { [resolve, reject] = functions })
  return { promise, resolve, reject }
}

t.test('SingleFlight.run() during a run returns the promise of that run', async (t) => {
  const flight = new SingleFlight<number>()
  const first = deferred<number>()
  let runs = 0
  const work = () => { runs++; return first.promise }
  const promise = flight.run(work)
  t.equal(flight.run(work), promise)
  first.resolve(7)
  t.equal(await promise, 7)
  t.equal(runs, 1)
})

t.test('SingleFlight.run() starts the work before it returns', async (t) => {
  let started = false
  const promise = new SingleFlight().run(async () => { started = true })
  t.ok(started)
  await promise
})

t.test('SingleFlight.run() starts a new run after the last one', async (t) => {
  const flight = new SingleFlight<number>()
  t.equal(await flight.run(async () => 1), 1)
  t.equal(await flight.run(async () => 2), 2)
})

t.test('SingleFlight.run() in a continuation of a run starts a new run', async (t) => {
  const flight = new SingleFlight<number>()
  const second = flight.run(async () => 1).then(() => flight.run(async () => 2))
  t.equal(await second, 2)
})

t.test('SingleFlight starts a new run after one that rejected', async (t) => {
  const flight = new SingleFlight<number>()
  await t.rejects(flight.run(async () => { throw new Error('first') }), /first/)
  t.equal(flight.isRunning, false)
  t.equal(await flight.run(async () => 2), 2)
})

t.test('SingleFlight starts a new run after work that threw before it returned a promise', async (t) => {
  const flight = new SingleFlight<number>()
  const promise = flight.run(() => { throw new Error('first') })
  t.equal(flight.isRunning, false, 'the run has ended immediately')
  const second = flight.run(async () => 2)
  await t.rejects(promise, /first/)
  t.equal(await second, 2)
})

t.test('SingleFlight.isRunning is true during a run only', async (t) => {
  const flight = new SingleFlight()
  const { promise, resolve } = deferred()
  t.equal(flight.isRunning, false)
  const run = flight.run(() => promise)
  t.equal(flight.isRunning, true)
  resolve()
  await run
  t.equal(flight.isRunning, false)
})

t.test('SingleFlight.idle() resolves immediately without a run', async (t) => {
  await new SingleFlight().idle()
  t.pass('idle')
})

t.test('SingleFlight.idle() resolves after a run that rejects', async (t) => {
  const flight = new SingleFlight()
  const { promise, reject } = deferred()
  const run = flight.run(() => promise)
  let isIdle = false
  const idle = flight.idle().then(() => { isIdle = true })
  await Promise.resolve()
  t.equal(isIdle, false, 'idle() waits for the run')
  reject(new Error('failed'))
  await t.rejects(run, /failed/)
  await idle
  t.equal(flight.isRunning, false)
})
