import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const PATH = fileURLToPath(new URL('../../examples/processor.sh', import.meta.url))
const skip = spawnSync('shellcheck', ['--version']).status === 0 ? false : 'needs shellcheck'

function run (...args: string[]) {
  return spawnSync('bash', [PATH, ...args], { encoding: 'utf8' })
}

t.test('processor.sh passes shellcheck', { skip }, async (t) => {
  const { status, stdout } = spawnSync('shellcheck', [PATH], { encoding: 'utf8' })
  t.equal(stdout, '')
  t.equal(status, 0)
})

t.test('processor.sh --help prints its options', async (t) => {
  const { status, stdout } = run('--help')
  for (const option of ['--allow-any-command', '--concurrency N', '--grace TIME']) t.ok(stdout.includes(option), option)
  t.equal(status, 0)
})

t.test('processor.sh rejects invalid arguments with exit code 2', async (t) => {
  const table: Array<[args: string[], message: RegExp]> = [
    [[], /^Missing argument DIR/],
    [['/not/there'], /^Anyone with write access .* use --allow-any-command\.$/m],
    [['a', 'b'], /^Expected one directory, but also got b\.$/m],
    [['--grace-ms', '5'], /^Unknown option --grace-ms\./],
    [['/not/there', '--allow-any-command', '--concurrency', '0'], /^--concurrency must be an integer of at least 1, not "0"\.$/m],
    ...['5', '1.5s', '', '10S', '25d'].map((text): [string[], RegExp] => [
      ['/not/there', '--allow-any-command', '--grace', text], new RegExp(`^--grace must be a duration with a unit, .*, not "${text}"\\.$`, 'm')
    ])
  ]
  for (const [args, message] of table) {
    const { status, stderr } = run(...args)
    t.match(stderr, message, args.join(' '))
    t.equal(status, 2, args.join(' '))
  }
})
