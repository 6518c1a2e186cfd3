import t, { type Test } from 'tap'
import { readProcessArguments } from '../../lib/cli/process-arguments.ts'

/** Arguments with a directory and a policy, so that only the option under test can be wrong. */
function read (...args: string[]): ReturnType<typeof readProcessArguments> {
  return readProcessArguments(['DIR', '--allow-any-command', ...args])
}

function rejects (t: Test, table: Array<[args: string[], message: RegExp | string]>): void {
  for (const [args, message] of table) t.throws(() => read(...args), { code: 'USAGE', message }, args.join(' '))
}

t.test('without options, the processor uses its defaults', async (t) => {
  t.strictSame(read(), { dir: 'DIR', policy: undefined, leaveRunning: false, options: { retain: {}, cgroups: false } })
})

t.test('each option becomes an option of the processor', async (t) => {
  t.strictSame(read(
    '--concurrency', '4', '--grace', '1500ms', '--max-log-size', '1G', '--state-dir', '/state',
    '--retain-age', '30d', '--retain-count', '1000', '--retain-bytes', '10G', '--leave-running', '--cgroups'
  ), {
    dir: 'DIR',
    policy: undefined,
    leaveRunning: true,
    options: {
      concurrency: 4,
      graceMs: 1500,
      maxLogBytes: 2 ** 30,
      stateDir: '/state',
      retain: { ageMs: 2_592_000_000, count: 1000, bytes: 10 * 2 ** 30 },
      cgroups: true
    }
  })
})

t.test('exactly one directory is required', async (t) => {
  for (const args of [['--allow-any-command'], ['', '--allow-any-command']]) {
    t.throws(() => readProcessArguments(args), { code: 'USAGE', message: 'Missing argument DIR. Usage: fastify-tasks process DIR --policy FILE' })
  }
  rejects(t, [[['other'], 'Expected one directory, got also: other.']])
})

t.test('exactly one of --policy and --allow-any-command is required', async (t) => {
  t.match(readProcessArguments(['DIR', '--policy', 'p.json']), { policy: 'p.json' })
  t.throws(() => readProcessArguments(['DIR']), { code: 'USAGE', message: /--policy FILE.*any command as this user.*--allow-any-command/ })
  rejects(t, [[['--policy', 'p.json'], /not both/]])
})

t.test('an empty path is rejected', async (t) => {
  t.throws(() => readProcessArguments(['DIR', '--policy=']), { code: 'USAGE', message: '--policy needs a path.' })
  rejects(t, [[['--state-dir='], '--state-dir needs a path.']])
})

t.test('an option without its value is rejected', async (t) => {
  rejects(t, [[['--concurrency'], /--concurrency/], [['--grace'], /--grace/]])
  t.throws(() => readProcessArguments(['DIR', '--policy']), { code: 'USAGE', message: /--policy/ })
})

t.test('an unknown option is named', async (t) => {
  rejects(t, [
    [['--parallel', '2'], 'Unknown option --parallel.'],
    [['--grace-ms', '10'], 'Unknown option --grace-ms. Did you mean --grace?'],
    [['--log-max-bytes=1G'], 'Unknown option --log-max-bytes.'],
    [['--state', '/state'], 'Unknown option --state. Did you mean --state-dir?'],
    [['--Concurrency', '2'], 'Unknown option --Concurrency. Did you mean --concurrency?'],
    [['--retain-acount', '2'], 'Unknown option --retain-acount. Did you mean --retain-count?'],
    [['-x'], 'Unknown option -x.']
  ])
})

t.test('counts are integers of at least 1', async (t) => {
  rejects(t, [
    [['--concurrency', '0'], '--concurrency must be an integer of at least 1, not "0".'],
    [['--concurrency', '1e3'], /integer/],
    [['--retain-count', '0'], /--retain-count must be an integer of at least 1/]
  ])
})

t.test('durations need a unit', async (t) => {
  const message = (option: string, text: string) => `${option} must be a duration with a unit, such as 30d, 12h, 90m or 10s (units: ms, s, m, h, d), not "${text}".`
  rejects(t, ['30', '0d', 'x', '-1s', '1w', ''].map((text) => [[`--retain-age=${text}`], message('--retain-age', text)]))
  rejects(t, ['10000', '0', 'x', '-1s'].map((text) => [[`--grace=${text}`], message('--grace', text)]))
})

t.test('--grace accepts zero and at most 24 days, which fit a timer', async (t) => {
  t.match(read('--grace', '0s'), { options: { graceMs: 0 } })
  t.match(read('--grace', '24d'), { options: { graceMs: 2_073_600_000 } })
  rejects(t, [[['--grace', '25d'], '--grace must be at most 24d, not "25d".']])
})

t.test('sizes have a unit or are numbers of bytes', async (t) => {
  t.match(read('--max-log-size', '4096'), { options: { maxLogBytes: 4096 } })
  rejects(t, [
    [['--retain-bytes', '1e9'], '--retain-bytes must be a size such as 1G, 500M or 64K (units: K, M, G, T) or a number of bytes such as 4096, not "1e9".'],
    [['--max-log-size', '0'], /--max-log-size must be a size/]
  ])
})
