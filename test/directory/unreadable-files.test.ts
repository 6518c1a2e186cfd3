import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { UnreadableFiles } from '../../lib/directory/watch/unreadable-files.ts'
import { UnreadableFile } from '../../lib/protocol/regular-file.ts'
import type { StoreLogger } from '../../lib/store.ts'
import { WAIT_MS } from '../wait-for.ts'

const ID = 'task_1_a'
const unfinished = new UnreadableFile('it is not valid JSON', { unfinished: true })
const unusable = new UnreadableFile('it is not a regular file')

function refusal (code: string): Error {
  return Object.assign(new Error(code), { code })
}

function setUp (t: Test) {
  const lines: string[] = []
  const log: StoreLogger = { debug () {}, info () {}, warn (line: unknown) { lines.push(String(line)) }, error () {} }
  const retries = new EventEmitter<{ retry: [id: string, target: string] }>()
  const files = new UnreadableFiles({ retry: (id, target) => retries.emit('retry', id, target), log })
  // the timers of the retries do not keep the process running
  const keepAlive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(keepAlive))
  /** Resolves with the id and the target of the next retry. */
  const nextRetry = async (): Promise<unknown> => {
    return await once(retries, 'retry', { signal: AbortSignal.timeout(WAIT_MS) })
      .catch(() => { throw new Error(`No retry within ${WAIT_MS} ms. Logged: ${lines.join('; ')}`) })
  }
  return { files, lines, nextRetry }
}

t.test('a partially written task file is retried several times before it is reported', async (t) => {
  const { files, lines, nextRetry } = setUp(t)
  let retries = 0
  for (files.addTaskFile(ID, unfinished); !files.isTaskFileReported(ID); files.addTaskFile(ID, unfinished)) {
    t.strictSame(lines, [])
    t.strictSame(await nextRetry(), [ID, 'task-file'])
    retries++
  }
  t.equal(retries, 7)
  t.strictSame([...files.reasons], [['task_1_a.json', 'it is not valid JSON']])
  t.equal(lines.length, 1, lines.join('\n'))
})

t.test('a task file that a retry cannot fix is reported immediately', async (t) => {
  const { files, lines } = setUp(t)
  files.addTaskFile(ID, unusable)
  t.ok(files.isTaskFileReported(ID))
  t.strictSame(lines, ['fastify-tasks: task_1_a.json cannot be read: it is not a regular file'])
})

t.test('a file that the system refuses is retried', async (t) => {
  const { files, nextRetry } = setUp(t)
  files.addTaskFile(ID, refusal('EACCES'))
  t.strictSame(await nextRetry(), [ID, 'task-file'])
  files.addLog(ID, refusal('EMFILE'))
  t.strictSame(await nextRetry(), [ID, 'log'])
  t.equal(files.reasons.size, 0)
})

t.test('a file is logged once for each reason', async (t) => {
  const { files, lines } = setUp(t)
  for (const code of ['EACCES', 'EACCES', 'EIO']) for (let retry = 0; retry < 8; retry++) files.addLog(ID, refusal(code))
  t.strictSame(lines.map((line) => line.split(': ').at(-1)), ['EACCES', 'EIO'])
})

t.test('a readable file is no longer reported', async (t) => {
  const { files } = setUp(t)
  files.addTaskFile(ID, unusable)
  files.addLog(ID, unusable)
  t.strictSame([...files.reasons.keys()], [`${ID}.json`, `${ID}.log`])
  files.deleteTaskFile(ID)
  files.deleteLog(ID)
  t.equal(files.reasons.size, 0)
  t.notOk(files.hasTaskFile(ID))
})
