import { closeSync, constants, lstatSync, openSync, writeSync } from 'node:fs'
import { lstat, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { HintFifo } from '../../lib/processor/queue/hint-fifo.ts'
import { waitFor } from '../wait-for.ts'
import { makeDirectory } from './fixtures.ts'

interface Opened {
  readonly fifo: HintFifo
  readonly path: string
  readonly ids: string[]
  /** Resolves when as many ids were delivered. */
  untilIds (count: number): Promise<void>
}

async function open (t: Test): Promise<Opened> {
  const dir = makeDirectory(t)
  const ids: string[] = []
  const fifo = await HintFifo.open(tasksDirectory(dir), (id) => { ids.push(id) })
  t.teardown(() => fifo.close())
  return { fifo, path: join(dir, '.queue.fifo'), ids, untilIds: (count) => waitFor(() => ids.length >= count, { describe: () => ids }) }
}

/** Writes as any program does, non-blocking: this fails unless there is a reader. */
function write (path: string, text: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  writeSync(fd, text)
  closeSync(fd)
}

t.test('the FIFO is created for the user and the group', async (t) => {
  const { path } = await open(t)
  t.equal(lstatSync(path).mode & 0o777, 0o660)
})

t.test('the FIFO delivers the ids of several writers', async (t) => {
  const { path, ids, untilIds } = await open(t)
  for (const [index, text] of ['task_1_a\n', 'task_1_b\n', 'task_1_c\n'].entries()) {
    write(path, text)
    await untilIds(index + 1)
  }
  t.strictSame(ids, ['task_1_a', 'task_1_b', 'task_1_c'])
})

t.test('the FIFO ignores lines that are not ids', async (t) => {
  const { path, ids, untilIds } = await open(t)
  write(path, 'noise\n\0../x\ntask_1_b\n')
  write(path, `${'x'.repeat(10_000)}\ntask_1_c\n`)
  await untilIds(2)
  t.strictSame(ids, ['task_1_b', 'task_1_c'])
})

t.test('closing removes the FIFO', async (t) => {
  const { fifo, path } = await open(t)
  await fifo.close()
  await t.rejects(lstat(path), { code: 'ENOENT' })
})

t.test('closing keeps another file by the name of the FIFO', async (t) => {
  const { fifo, path } = await open(t)
  await unlink(path)
  await writeFile(path, 'another')
  await fifo.close()
  t.equal(await readFile(path, 'utf8'), 'another')
})
