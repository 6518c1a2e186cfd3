import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { requireLinux } from '../../lib/processor/os/platform.ts'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { PROGRAM } from '../program.ts'
import { makeDirectory } from './fixtures.ts'

const MESSAGE = 'The processor needs Linux; this system is "darwin". Run it in a Linux container or virtual machine.'

/** Runs Node.js with a module that is loaded first. */
function runNode (preload: string, args: string[]) {
  const url = `data:text/javascript,${encodeURIComponent(preload)}`
  return spawnSync(process.execPath, [`--import=${url}`, ...args], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
}

t.test('the processor starts on Linux only', async (t) => {
  t.throws(() => requireLinux('darwin'), { code: 'PROCESSOR_START', message: MESSAGE })
  t.throws(() => requireLinux('win32'), { code: 'PROCESSOR_START' })
  t.doesNotThrow(() => requireLinux('linux'))
})

t.test('on another system, `fastify-tasks process` reports that it needs Linux before it does anything', async (t) => {
  const dir = join(makeDirectory(t), 'tasks')
  const { status, stdout, stderr } = runNode('Object.defineProperty(process, "platform", { value: "darwin" })', [
    PROGRAM, 'process', dir, '--policy', '/not/there.json'
  ])
  t.equal(stderr, `${MESSAGE}\n`)
  t.equal(stdout, '')
  t.equal(status, 1)
  t.notOk(existsSync(dir))
})

t.test('on another system, TaskProcessor.start rejects before it creates the directory', async (t) => {
  const dir = join(makeDirectory(t), 'tasks')
  const original = Object.getOwnPropertyDescriptor(process, 'platform')!
  t.teardown(() => Object.defineProperty(process, 'platform', original))
  Object.defineProperty(process, 'platform', { ...original, value: 'darwin' })
  await t.rejects(new TaskProcessor(dir).start(), { code: 'PROCESSOR_START', message: MESSAGE })
  t.notOk(existsSync(dir))
})

t.test('importing the processor reads nothing of /proc', async (t) => {
  const preload = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    for (const name of ['openSync', 'readFileSync', 'readlinkSync', 'readdirSync']) {
      const original = fs[name]
      fs[name] = (path, ...rest) => {
        if (String(path).startsWith('/proc')) console.log(name, path)
        return original(path, ...rest)
      }
    }
    syncBuiltinESMExports()`
  const processor = new URL('../../dist/processor/processor.js', import.meta.url).href
  const read = runNode(preload, ['--input-type=module', '-e', `await import('${processor}')`])
  t.equal(read.stdout, '')
  t.equal(read.status, 0)
})
