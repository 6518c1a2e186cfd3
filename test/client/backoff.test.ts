import t from 'tap'
import { TasksError } from '../../lib/client/errors.ts'
import { Backoff } from '../../lib/client/http/backoff.ts'

function isBetween (value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

t.test('Backoff doubles the delay up to maxDelayMs, with jitter', async (t) => {
  const backoff = new Backoff({ minDelayMs: 100, maxDelayMs: 1000 })
  for (const [least, most] of [[50, 100], [100, 200], [200, 400], [400, 800], [500, 1000], [500, 1000]] as const) {
    const delayMs = backoff.next()
    t.ok(isBetween(delayMs, least, most), `${delayMs} is between ${least} and ${most}`)
  }
})

t.test('Backoff.reset returns to the shortest delay', async (t) => {
  const backoff = new Backoff({ minDelayMs: 100, maxDelayMs: 1000 })
  for (let failures = 0; failures < 5; failures++) backoff.next()
  backoff.reset()
  const delayMs = backoff.next()
  t.ok(isBetween(delayMs, 50, 100), `${delayMs}`)
})

t.test('Backoff waits for the Retry-After of an error, even beyond maxDelayMs', async (t) => {
  const backoff = new Backoff({ minDelayMs: 100, maxDelayMs: 1000 })
  t.equal(backoff.next(new TasksError('', { statusCode: 429, retryAfterMs: 5000 })), 5000)
})

t.test('Backoff uses the delay that the server suggests if minDelayMs is not configured', async (t) => {
  const unconfigured = new Backoff({})
  unconfigured.suggest(2000)
  const suggested = unconfigured.next()
  t.ok(isBetween(suggested, 1000, 2000), `${suggested}`)
  const configured = new Backoff({ minDelayMs: 10 })
  configured.suggest(2000)
  const own = configured.next()
  t.ok(isBetween(own, 5, 10), `${own}`)
})

t.test('two clients do not retry at the same time', async (t) => {
  t.equal(new Set(Array.from({ length: 20 }, () => new Backoff({}).next())).size, 20)
})
