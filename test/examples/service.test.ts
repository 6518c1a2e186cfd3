import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PROGRAM } from '../program.ts'

const PATH = fileURLToPath(new URL('../../examples/fastify-tasks.service', import.meta.url))
const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'needs systemd-analyze'

t.test('systemd finds nothing wrong with it', { skip }, async (t) => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', PATH], { encoding: 'utf8' })
  // of other units it may complain
  t.strictSame(stderr.split('\n').filter((line) => line.includes('fastify-tasks')), [])
  t.equal(status, 0)
})

t.test('it calls the program in a right way', async (t) => {
  const { stdout } = spawnSync(process.execPath, [PROGRAM, '--help'], { encoding: 'utf8' })
  const [, args = ''] = /^ExecStart=\/usr\/bin\/env fastify-tasks process \/srv\/tasks (.*)$/m.exec(readFileSync(PATH, 'utf8')) ?? []
  t.match(args, /--leave-running --cgroups/)
  for (const arg of args.split(' ')) t.ok(stdout.includes(arg), arg)
})
