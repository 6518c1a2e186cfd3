import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { runProgram } from './run-program.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** Checks a help text: printed to stdout, exit code 0, no line longer than 100 characters. */
async function checkHelp (t: Test, args: string[], content: RegExp): Promise<void> {
  const exit = await runProgram(t, ...args).exit
  t.match(exit, { code: 0, stdout: content, stderr: '' })
  t.strictSame(exit.stdout.split('\n').filter((line) => line.length > 100), [])
}

t.test('--help and -h print the commands', async (t) => {
  await Promise.all(['--help', '-h'].map((flag) => checkHelp(t, [flag], /process DIR --policy FILE.*\n.*check DIR/)))
})

t.test('process --help prints the options of process, even beside other arguments', async (t) => {
  await Promise.all([['process', '--help'], ['process', 'DIR', '-h']].map((args) => checkHelp(t, args, /^Usage: fastify-tasks process[^]*--grace TIME/)))
})

t.test('check --help prints the options of check', async (t) => {
  await checkHelp(t, ['check', '--help'], /^Usage: fastify-tasks check[^]*--json/)
})

t.test('--version prints the version of the package', async (t) => {
  t.strictSame(await runProgram(t, '--version').exit, { code: 0, stdout: `${version}\n`, stderr: '' })
})

t.test('a missing command is a usage error', async (t) => {
  t.strictSame(await runProgram(t).exit, { code: 2, stdout: '', stderr: 'Missing command.\nSee fastify-tasks --help.\n' })
})

t.test('an unknown command is a usage error that names it', async (t) => {
  t.strictSame(await runProgram(t, 'serve').exit, { code: 2, stdout: '', stderr: 'Unknown command "serve".\nSee fastify-tasks --help.\n' })
  t.strictSame(await runProgram(t, 'Chekc').exit, { code: 2, stdout: '', stderr: 'Unknown command "Chekc". Did you mean check?\nSee fastify-tasks --help.\n' })
})

t.test('an unknown option is a usage error that names it and the help of the command', async (t) => {
  t.strictSame(await runProgram(t, 'process', 'DIR', '--grace-ms', '5').exit, {
    code: 2, stdout: '', stderr: 'Unknown option --grace-ms. Did you mean --grace?\nSee fastify-tasks process --help.\n'
  })
})
