import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { TemporaryFiles } from '../../lib/protocol/temporary-files.ts'
import { before, systemError } from './fixtures/system-calls.ts'

const OWN = '.tmp-0123456789abcdef01'
const FOREIGN = ['.tmp-mine', '.task_1_a.json.swp', '.queue.fifo', 'task_1_a.json']

t.test('removeStale() removes temporary files of this package that were observed long enough ago', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 50 })
  files.observe([OWN])
  await files.removeStale()
  t.strictSame(readdirSync(dir), [OWN], 'it is not stale yet')
  const seenAt = performance.now()
  while (performance.now() - seenAt < 51);
  files.observe([OWN])
  await files.removeStale()
  t.strictSame(readdirSync(dir), [])
})

t.test('removeStale() keeps the files of other programs', async (t) => {
  const dir = t.testdir()
  for (const name of FOREIGN) writeFileSync(join(dir, name), '')
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0 })
  files.observe(readdirSync(dir))
  await files.removeStale()
  t.strictSame(readdirSync(dir).sort(), [...FOREIGN].sort())
})

t.test('removeStale() keeps a file for an hour by default, whatever its mtime', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  utimesSync(join(dir, OWN), 1, 1)
  const files = new TemporaryFiles(tasksDirectory(dir))
  for (let round = 0; round < 3; round++) {
    files.observe([OWN])
    await files.removeStale()
  }
  t.strictSame(readdirSync(dir), [OWN])
})

t.test('removeStale() reports a file that it cannot remove, removes the others, and tries again', async (t) => {
  const other = `.tmp-${'0'.repeat(18)}`
  const dir = t.testdir({ [OWN]: '', [other]: '' })
  let isRefused = true
  before(t, 'unlink', (path) => { if (isRefused && path.endsWith(other)) throw systemError('EIO') })
  const errors: string[] = []
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0, onError: (_error, name) => errors.push(name) })
  files.observe([other, OWN])
  await files.removeStale()
  t.strictSame(errors, [other])
  t.strictSame(readdirSync(dir), [other])
  isRefused = false
  await files.removeStale()
  t.strictSame(readdirSync(dir), [])
})

t.test('removeStale() keeps a directory', async (t) => {
  const dir = t.testdir({ [OWN]: {} })
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0 })
  files.observe([OWN])
  await files.removeStale()
  t.strictSame(readdirSync(dir), [OWN])
})
