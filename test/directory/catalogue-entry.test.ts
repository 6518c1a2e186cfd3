import { lstat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CatalogueEntry } from '../../lib/directory/watch/catalogue-entry.ts'
import { temporaryDirectory } from '../helpers.ts'

/** A file that was last changed `ageMs` ago. */
async function fileOf (t: Test, ageMs: number): Promise<string> {
  const path = join(await temporaryDirectory(t), 'task_1_a.json')
  await writeFile(path, '{}')
  const time = new Date(Date.now() - ageMs)
  await utimes(path, time, time)
  return path
}

t.test('compareFile() reports a file that was never read', async (t) => {
  const path = await fileOf(t, 0)
  t.equal(new CatalogueEntry('task_1_a').compareFile(await lstat(path, { bigint: true })), 'never-read')
})

t.test('compareFile() reports a file whose mtime was old when it was read as the same', async (t) => {
  const path = await fileOf(t, 10_000)
  const entry = new CatalogueEntry('task_1_a')
  entry.rememberFile(await lstat(path, { bigint: true }))
  t.equal(entry.compareFile(await lstat(path, { bigint: true })), 'same')
})

t.test('compareFile() reports a file whose mtime was recent when it was read as uncertain', async (t) => {
  const path = await fileOf(t, 0)
  const entry = new CatalogueEntry('task_1_a')
  entry.rememberFile(await lstat(path, { bigint: true }))
  t.equal(entry.compareFile(await lstat(path, { bigint: true })), 'uncertain')
})

t.test('compareFile() reports another size, another mtime and a missing file as changed', async (t) => {
  const path = await fileOf(t, 10_000)
  const entry = new CatalogueEntry('task_1_a')
  const stats = await lstat(path, { bigint: true })
  entry.rememberFile(stats)
  await writeFile(path, '{"id": "task_1_a"}')
  await utimes(path, stats.atime, stats.mtime)
  t.equal(entry.compareFile(await lstat(path, { bigint: true })), 'changed', 'another size')
  await writeFile(path, '{}')
  t.equal(entry.compareFile(await lstat(path, { bigint: true })), 'changed', 'another mtime')
  t.equal(entry.compareFile(undefined), 'changed', 'missing')
})
