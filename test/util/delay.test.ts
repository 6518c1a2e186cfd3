import t from 'tap'
import { delay } from '../../lib/util/delay.ts'

const LONG_MS = 1e6

t.test('delay resolves after the given time', async (t) => {
  const start = performance.now()
  await delay(20, undefined)
  t.ok(performance.now() - start >= 19)
})

t.test('delay rejects with the reason of its signal as soon as it aborts', async (t) => {
  await t.rejects(delay(LONG_MS, AbortSignal.timeout(1)), { name: 'TimeoutError' })
})

t.test('delay rejects immediately if its signal has aborted before', async (t) => {
  await t.rejects(delay(LONG_MS, AbortSignal.abort()), { name: 'AbortError' })
})
