import t from 'tap'
import { MAX_TIMER_MS } from '../../lib/util/timers.ts'

t.test('a timer of MAX_TIMER_MS is accepted, a longer one fires immediately', async (t) => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  clearTimeout(setTimeout(() => {}, MAX_TIMER_MS))
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(warnings, [])
  await new Promise<void>((resolve) => setTimeout(resolve, MAX_TIMER_MS + 1))
  t.strictSame(warnings, ['TimeoutOverflowWarning'])
})
