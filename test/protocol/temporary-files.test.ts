import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { TemporaryFiles } from '../../lib/protocol/temporary-files.ts'

const OWN = '.tmp-0123456789abcdef01'
const FOREIGN = ['.tmp-mine', '.task_1_a.json.swp', '.queue.fifo', 'task_1_a.json']

t.test('removeStale() removes temporary files of this package on the second call', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 1 })
  await files.removeStale([OWN])
  t.strictSame(readdirSync(dir), [OWN], 'the first call observes the file')
  const seenAt = performance.now()
  while (performance.now() - seenAt < 2);
  await files.removeStale([OWN])
  t.strictSame(readdirSync(dir), [])
})

t.test('removeStale() keeps the files of other programs', async (t) => {
  const dir = t.testdir()
  for (const name of FOREIGN) writeFileSync(join(dir, name), '')
  await new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0 }).removeStale(readdirSync(dir))
  t.strictSame(readdirSync(dir).sort(), [...FOREIGN].sort())
})

t.test('removeStale() keeps a file for an hour by default, whatever its mtime', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  utimesSync(join(dir, OWN), 1, 1)
  const files = new TemporaryFiles(tasksDirectory(dir))
  for (let round = 0; round < 3; round++) await files.removeStale([OWN])
  t.strictSame(readdirSync(dir), [OWN])
})

t.test('removeStale() reports a file that it cannot remove and removes the others', async (t) => {
  const dir = t.testdir({ [OWN]: '' })
  const directory = `.tmp-${'0'.repeat(18)}`
  // unlink refuses a directory, even for root
  mkdirSync(join(dir, directory))
  const errors: string[] = []
  const files = new TemporaryFiles(tasksDirectory(dir), { staleAfterMs: 0, onError: (_error, name) => errors.push(name) })
  await files.removeStale([directory, OWN])
  t.strictSame(errors, [directory])
  t.strictSame(readdirSync(dir), [directory])
})
