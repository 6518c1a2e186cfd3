import t from 'tap'
import { describeLimits, limitsOf } from '../../lib/processor/limits.ts'
import { resolveOptions, type ProcessorOptions } from '../../lib/processor/options.ts'
import { TaskProcessor } from '../../lib/processor/processor.ts'

const UNLIMITED = { ageMs: null, count: null, bytes: null }

const LIMITS: Array<[name: string, options: ProcessorOptions, description: string, limits: object]> = [
  [
    'the defaults', {}, 'concurrency 1, grace 10 s, log limit none, keeps all finished tasks',
    { concurrency: 1, graceMs: 10_000, logMaxBytes: null, retain: UNLIMITED }
  ],
  [
    'every retention limit',
    { concurrency: 4, retain: { ageMs: 30 * 86_400_000, count: 1000, bytes: 10 * 2 ** 30 } },
    'concurrency 4, grace 10 s, log limit none, keeps finished tasks for 30 d, at most 1000, 10 GiB',
    { concurrency: 4, graceMs: 10_000, logMaxBytes: null, retain: { ageMs: 2_592_000_000, count: 1000, bytes: 10_737_418_240 } }
  ],
  [
    'values that are not multiples of large units',
    { graceMs: 0, maxLogBytes: 1_500_000, retain: { ageMs: 5_400_000 } },
    'concurrency 1, grace 0 ms, log limit 1500000 B, keeps finished tasks for 90 min',
    { concurrency: 1, graceMs: 0, logMaxBytes: 1_500_000, retain: { ...UNLIMITED, ageMs: 5_400_000 } }
  ],
  [
    'a log limit and a count',
    { graceMs: 1500, maxLogBytes: 2 ** 20, retain: { count: 1 } },
    'concurrency 1, grace 1500 ms, log limit 1 MiB, keeps finished tasks at most 1',
    { concurrency: 1, graceMs: 1500, logMaxBytes: 1_048_576, retain: { ...UNLIMITED, count: 1 } }
  ]
]

for (const [name, options, description, limits] of LIMITS) {
  t.test(`limits with ${name} are described in one line`, async (t) => {
    t.equal(describeLimits(options), description)
  })

  t.test(`limits with ${name} are published as JSON`, async (t) => {
    t.strictSame(JSON.parse(JSON.stringify(limitsOf(options))), limits)
  })
}

const INVALID: Array<[options: object, message: RegExp]> = [
  [{ concurrency: 0 }, /concurrency must be an integer from 1 .*, not 0/], [{ concurrency: 1.5 }, /not 1\.5/], [{ concurrency: '2' }, /concurrency/],
  [{ graceMs: -1 }, /graceMs .* from 0 to 2147483647/], [{ graceMs: 2 ** 31 }, /graceMs/], [{ pollIntervalMs: 0 }, /pollIntervalMs/],
  [{ heartbeatIntervalMs: NaN }, /heartbeatIntervalMs/], [{ lockStaleAfterMs: Infinity }, /lockStaleAfterMs/], [{ maxLogBytes: 0 }, /maxLogBytes/],
  [{ retain: { ageMs: 0 } }, /retain\.ageMs/], [{ retain: { count: 0 } }, /retain\.count/], [{ retain: { bytes: 0.5 } }, /retain\.bytes/]
]

t.test('options out of range are rejected with the option and its value', async (t) => {
  for (const [options, message] of INVALID) t.throws(() => resolveOptions(options), { name: 'RangeError', message }, JSON.stringify(options))
})

t.test('unknown options and values of another type are rejected with the name', async (t) => {
  for (const [options, message] of [
    [{ concurency: 2 }, 'concurency is not an option. Did you mean concurrency?'],
    [{ grace: 5 }, 'grace is not an option. Did you mean graceMs?'],
    [{ retain: { age: 5 } }, 'retain.age is not an option. Did you mean ageMs?'],
    [{ retain: 5 }, 'retain must be an object.'],
    [null, 'The options must be an object.'],
    [{ stateDir: 5 }, 'stateDir must be the path of a directory.'],
    [{ stateDir: '' }, 'stateDir must be the path of a directory.'],
    [{ cgroups: 'no' }, 'cgroups must be a boolean.'],
    [{ policy: 'policy.json' }, 'policy must have the methods plan and concurrencyOf.'],
    [{ logger: { info () {} } }, 'logger must have the methods info and warn.']
  ] as const) t.throws(() => resolveOptions(options as never), { name: 'TypeError', message }, JSON.stringify(options))
  const processor = new TaskProcessor('/nowhere')
  t.throws(() => processor.stop({ leaveRunning: true } as never), { name: 'TypeError', message: 'leaveRunning is not an option. Did you mean leave?' })
})

t.test('a policy and a logger that fail do not throw: the task is refused, and a type has no slot', async (t) => {
  const fail = (): never => { throw new Error('failed') }
  const lines: string[] = []
  const logger = { info: fail, warn: (line: string) => { lines.push(line); fail() } }
  const task = { id: 'task_1_a' } as never
  for (const plan of [fail, () => ({}), () => undefined, async () => ({ shell: 'true' }), async () => fail()]) {
    const { policy } = resolveOptions({ logger, policy: { plan: plan as never, concurrencyOf: fail, watch: fail, types: [], anyType: true } })
    t.strictSame([policy.plan(task), policy.concurrencyOf('x')], [{ refused: 'Refused: the policy failed.' }, 0])
    t.type(policy.watch?.(() => {}), 'function')
  }
  t.ok(lines.includes('The policy failed: failed'))
  t.equal(resolveOptions({ logger }).logger.info('x'), undefined)
})

t.test('a grace period of 0, no log limit and a retention of years are accepted', async (t) => {
  t.doesNotThrow(() => resolveOptions({ graceMs: 0, maxLogBytes: undefined, retain: { ageMs: 10 ** 12 } }))
})
