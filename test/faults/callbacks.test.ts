import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const HOST = fileURLToPath(new URL('callbacks.mjs', import.meta.url))

t.test('no callback of a host and no failing store ends the process', async (t) => {
  const child = spawn(process.execPath, [HOST], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } })
  t.teardown(() => child.kill())
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  t.equal(code, 0, `after the cases\n${stdout}\n${stderr}`)
  t.equal(stdout.split('\n').length - 1, 13, stdout)
})
