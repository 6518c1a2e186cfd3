import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PROGRAM } from '../program.ts'

const PATH = fileURLToPath(new URL('../../examples/fastify-tasks.service', import.meta.url))
const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'needs systemd-analyze'

t.test('systemd-analyze finds no problem in the unit file', { skip }, async (t) => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', PATH], { encoding: 'utf8' })
  // it may report problems of other units
  t.strictSame(stderr.split('\n').filter((line) => line.includes('fastify-tasks')), [])
  t.equal(status, 0)
})

t.test('the unit file calls the program with options that it has', async (t) => {
  const { stdout } = spawnSync(process.execPath, [PROGRAM, 'process', '--help'], { encoding: 'utf8' })
  const [, args = ''] = /^ExecStart=\/usr\/bin\/env fastify-tasks process \/srv\/tasks (.*)$/m.exec(readFileSync(PATH, 'utf8')) ?? []
  t.match(args, /--leave-running --cgroups/)
  for (const arg of args.split(' ')) t.ok(stdout.includes(arg), arg)
})
