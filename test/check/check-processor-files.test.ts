import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ID, writeTask } from '../protocol/fixtures/task-files.ts'
import { linesOf } from './fixtures/lines-of.ts'

const LOCK = '.processor.lock.pid'
const INFO = '.processor.json'
const IS_STALE = `warning ${LOCK}: its heartbeat has stopped: the processor was killed or is hanging`
const NO_PROCESSOR = `warning ${ID}.json: it is running, but no processor is alive`

const locks: Array<[name: string, text: string, isOld: boolean, lines: string[]]> = [
  ['reports a lock without a pid', 'yes\n', false, [`error ${LOCK}: its first line is not a process id`]],
  ['reports a lock with another second line', '1\npulse\n', false, [`error ${LOCK}: its second line is not "heartbeat <nonce>"`]],
  ['accepts a fresh lock', '1\nheartbeat x\n', false, []],
  ['warns about a stale lock and about running tasks', '1\nheartbeat x\n', true, [IS_STALE, NO_PROCESSOR]],
  ['counts an old lock without a heartbeat as alive', '1', true, []],
  ['does not take line 3 for a heartbeat', '1\n\nheartbeat x\n', true, []]
]

for (const [name, text, isOld, lines] of locks) {
  t.test(`checkDirectory() ${name}`, async (t) => {
    const dir = t.testdir({ [LOCK]: text })
    writeTask(dir, { status: 'running' })
    if (isOld) utimesSync(join(dir, LOCK), 1, 1)
    t.strictSame(await linesOf(dir), lines)
  })
}

t.test('checkDirectory() warns about a running task without a lock', async (t) => {
  const dir = t.testdir({})
  writeTask(dir, { status: 'running' })
  t.strictSame(await linesOf(dir), [NO_PROCESSOR])
})

t.test('checkDirectory() reports a queue FIFO that is a directory', async (t) => {
  const dir = t.testdir({})
  mkdirSync(join(dir, '.queue.fifo'))
  t.strictSame(await linesOf(dir), ['error .queue.fifo: it is not a FIFO'])
})

const infos: Array<[name: string, text: string, messages: string[]]> = [
  ['accepts a list of types', '{"version":1,"types":[]}', []],
  ['reports text that is not JSON', 'garbage', ['it is not valid JSON']],
  ['reports a list', '[]', ['it is not a JSON object']],
  ['reports missing types', '{}', ['its types must be a list']]
]

for (const [name, text, messages] of infos) {
  t.test(`in ${INFO}, checkDirectory() ${name}`, async (t) => {
    const dir = t.testdir({})
    writeFileSync(join(dir, INFO), text)
    t.strictSame(await linesOf(dir), messages.map((message) => `error ${INFO}: ${message}`))
  })
}

t.test(`checkDirectory() follows no symbolic link at ${INFO}`, async (t) => {
  const dir = t.testdir({})
  symlinkSync('/etc/hostname', join(dir, INFO))
  t.match(await linesOf(dir), [/^error \.processor\.json: .*symbolic link/])
})
