import t from 'tap'
import { callSafely, isThenable, safeLogger } from '../../lib/util/callbacks.ts'
import { RepeatedErrors } from '../../lib/util/repeated-errors.ts'

const failure = new Error('failed')
const fail = () => { throw failure }

t.test('a function that throws or rejects reports its error and does not throw', async (t) => {
  for (const [name, call, result] of [
    ['a value', () => 5, 5],
    ['an exception', fail, undefined],
    ['a promise that rejects', () => Promise.reject(failure), Promise],
    ['a then that throws', () => ({ then: fail }), undefined],
    ['a getter that throws', () => ({ get then () { return fail() } }), undefined]
  ] as const) {
    const errors: unknown[] = []
    t.match(callSafely<unknown>(call, (error) => errors.push(error)), result as never, name)
    await null
    t.strictSame(errors, name === 'a value' ? [] : [failure], name)
  }
})

t.test('only values with a method then are thenables', async (t) => {
  for (const value of [undefined, null, true, 'then', {}, { then: 1 }, () => {}]) t.notOk(isThenable(value))
  t.ok(isThenable(Promise.resolve()))
})

t.test('a logger that fails does nothing', async (t) => {
  const lines: unknown[] = []
  const logger = { prefix: 'p', info (line: string) { lines.push(`${this.prefix} ${line}`) }, warn: fail, error: async () => { fail() }, debug: undefined as never as () => void }
  const safe = safeLogger(logger, ['info', 'warn', 'error', 'debug'])
  safe.info('line')
  safe.warn()
  safe.error()
  safe.debug()
  t.strictSame(lines, ['p line'])
})

t.test('of repeated errors, one of each kind is logged in a minute, with the number of the others', async (t) => {
  const logged: unknown[] = []
  let now = 5
  const errors = new RepeatedErrors({ error: (details, message) => { logged.push({ ...details, message }) } }, () => now)
  errors.report('a filter', new Error('1'))
  errors.report('a listener', new Error('2'))
  for (let count = 0; count < 1000; count++) errors.report('a filter', new Error('3'))
  now += 59_999
  errors.report('a filter', new Error('4'))
  now += 1
  errors.report('a filter', new Error('5'))
  errors.report('a filter', new Error('6'))
  t.match(logged, [
    { message: 'fastify-tasks: a filter', err: { message: '1' }, unlogged: 0 },
    { message: 'fastify-tasks: a listener', err: { message: '2' }, unlogged: 0 },
    { message: 'fastify-tasks: a filter', err: { message: '5' }, unlogged: 1001 }
  ])
  t.equal(logged.length, 3)
})
