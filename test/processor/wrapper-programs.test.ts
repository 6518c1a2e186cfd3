import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { perlWrapper, shellWrapper } from '../../lib/processor/command/wrapper.ts'

const folder = (name: string) => new URL(`../../${name}/processor/command/`, import.meta.url)
const skipPerl = spawnSync('perl', ['-v']).status === 0 ? false : 'needs perl'
const skipShellcheck = spawnSync('shellcheck', ['--version']).status === 0 ? false : 'needs shellcheck'

const { command, forkServer } = await perlWrapper()
for (const [name, [program, ...args]] of Object.entries({ 'the wrapper': command, 'the fork server': forkServer! })) {
  t.test(`${name} in Perl compiles under strict without warnings`, { skip: skipPerl }, async (t) => {
    const { status, stderr } = spawnSync(program, ['-Mstrict', '-w', '-c', ...args], { encoding: 'utf8' })
    t.match(stderr, /^\S+ syntax OK\n$/)
    t.equal(status, 0)
  })
}

t.test('the wrapper in shell passes shellcheck', { skip: skipShellcheck }, async (t) => {
  const { status, stdout } = spawnSync('shellcheck', [fileURLToPath(new URL('wrapper.sh', folder('lib')))], { encoding: 'utf8' })
  t.equal(stdout, '')
  t.equal(status, 0)
})

t.test('the build copies the programs next to the compiled JavaScript', async (t) => {
  for (const name of ['wrapper.pl', 'fork-server.pl', 'wrapper.sh']) {
    t.equal(readFileSync(new URL(name, folder('dist')), 'utf8'), readFileSync(new URL(name, folder('lib')), 'utf8'), name)
  }
})

t.test('the programs are passed as text, so that an upgrade of the package does not change them in a running processor', async (t) => {
  const shell = await shellWrapper()
  for (const [args, name] of [[command, 'wrapper.pl'], [forkServer!, 'fork-server.pl'], [shell.command, 'wrapper.sh']] as const) {
    const text = readFileSync(new URL(name, folder('lib')), 'utf8')
    t.ok(args.some((argument) => argument.endsWith(text)), name)
  }
})
