import t, { type Test } from 'tap'
import { abortable } from '../../lib/util/abortable-generator.ts'

/** Yields 1, then waits until the signal aborts. */
function oneThenWait (t: Test, signal?: AbortSignal) {
  const state = { isFinished: false }
  const generator = abortable(async function * (inner) {
    try {
      yield 1
      await new Promise<void>((resolve) => inner.addEventListener('abort', () => resolve(), { once: true }))
      if (signal?.aborted) return 'aborted'
      yield 2
      return 'complete'
    } finally {
      state.isFinished = true
    }
  }, signal)
  t.teardown(() => generator.return('complete'))
  return { generator, state }
}

t.test('an abortable generator yields values and returns a result', async (t) => {
  const generator = abortable(async function * () {
    yield 1
    return 2
  }, undefined)
  t.strictSame(await generator.next(), { value: 1, done: false })
  t.strictSame(await generator.next(), { value: 2, done: true })
})

t.test('return() ends an abortable generator that waits', { timeout: 10_000 }, async (t) => {
  const { generator, state } = oneThenWait(t)
  await generator.next()
  const waiting = generator.next()
  await generator.return('complete')
  t.ok(state.isFinished, 'its finally block has run')
  t.strictSame(await waiting, { value: 2, done: false })
  t.match(await generator.next(), { done: true })
})

t.test('throw() ends an abortable generator that waits', { timeout: 10_000 }, async (t) => {
  const { generator, state } = oneThenWait(t)
  await generator.next()
  const waiting = generator.next()
  await t.rejects(generator.throw(new Error('left')), /left/)
  t.ok(state.isFinished, 'its finally block has run')
  await waiting
})

t.test('leaving a for await loop ends an abortable generator', { timeout: 10_000 }, async (t) => {
  const { generator, state } = oneThenWait(t)
  for await (const value of generator) if (value === 1) break
  t.ok(state.isFinished, 'its finally block has run')
})

t.test('aborting the signal ends an abortable generator that waits', { timeout: 10_000 }, async (t) => {
  const controller = new AbortController()
  const { generator, state } = oneThenWait(t, controller.signal)
  await generator.next()
  const waiting = generator.next()
  controller.abort()
  t.strictSame(await waiting, { value: 'aborted', done: true })
  t.ok(state.isFinished, 'its finally block has run')
})

t.test('return() ends an abortable generator that has a signal', { timeout: 10_000 }, async (t) => {
  const { generator, state } = oneThenWait(t, new AbortController().signal)
  await generator.next()
  const waiting = generator.next()
  await generator.return('complete')
  await waiting
  t.ok(state.isFinished, 'its finally block has run')
})
