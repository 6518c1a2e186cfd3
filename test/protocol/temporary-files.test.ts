import { mkdirSync, readdirSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { TemporaryFiles } from '../../lib/protocol/temporary-files.ts'

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

t.test('removeStale() reports a file that it cannot remove and removes the others', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  const directory = `.tmp-${'0'.repeat(18)}`
  // unlink refuses a directory, even for root
  mkdirSync(join(dir, directory))
  const errors: string[] = []
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0, onError: (_error, name) => errors.push(name) })
  files.observe([directory, OWN])
  await files.removeStale()
  t.strictSame(errors, [directory])
  t.strictSame(readdirSync(dir), [directory])
})

t.test('removeStale() tries again to remove a file', async (t) => {
  const dir = t.testdir()
  mkdirSync(join(dir, OWN))
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0 })
  files.observe([OWN])
  await files.removeStale()
  rmdirSync(join(dir, OWN))
  writeFileSync(join(dir, OWN), '')
  await files.removeStale()
  t.strictSame(readdirSync(dir), [])
})
