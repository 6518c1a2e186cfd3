import { appendFile, mkdir, readdir, readFile, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { putTask, startServer, taskText, temporaryDirectory, waitFor } from '../helpers.ts'
import { Mirror } from '../mirror.ts'

/** mulberry32: small, and the same numbers from the same seed everywhere. */
function randomFrom (seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
}

const TEXTS = ['line of output\n', 'Größe: 5 µm → ok\n', '進捗 50 %\n', '🙂'.repeat(40) + '\n', 'x'.repeat(5000)]

t.test('500 tasks changed in every way end at a client as they stand in the directory', async (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9)
  t.comment(`FUZZ_SEED=${seed}`)
  const random = randomFrom(seed)
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const mirror = new Mirror(url)
  t.teardown(() => mirror.disconnect())
  await mirror.start()

  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  let version = 0
  const steps: Array<(id: string) => Promise<unknown>> = [
    (id) => putTask(dir, id, { version: version++ }),
    (id) => putTask(dir, id, { version: version++, status: pick(['running', 'completed', 'failed']) }),
    (id) => writeFile(join(dir, `${id}.json`), taskText(id, { version: version++, status: 'running' })),
    async (id) => {
      const text = taskText(id, { version: version++, status: 'running' })
      await writeFile(join(dir, `${id}.json`), text.slice(0, text.length / 2))
      await pause(random() * 10)
      await writeFile(join(dir, `${id}.json`), text)
    },
    (id) => unlink(join(dir, `${id}.json`)).catch(() => {}),
    (id) => appendFile(join(dir, `${id}.log`), pick(TEXTS)),
    (id) => appendFile(join(dir, `${id}.log`), Buffer.from(pick(TEXTS)).subarray(0, 1 + Math.floor(random() * 14))),
    (id) => truncate(join(dir, `${id}.log`), Math.floor(random() * 20)).catch(() => {}),
    (id) => writeFile(join(dir, `${id}.log`), `rewritten ${version++} ${pick(TEXTS).repeat(3)}`),
    async (id) => {
      await writeFile(join(dir, `.${id}.new`), `rotated ${version++} ${pick(TEXTS)}`)
      await rename(join(dir, `.${id}.new`), join(dir, `${id}.log`))
    }
  ]
  await Promise.all(Array.from({ length: 500 }, async (_, index) => {
    const id = `task_${1000 + index}_fuzz`
    for (let step = 0; step < 12; step++) {
      await pick(steps)(id)
      await pause(random() * 60)
    }
  }))
  // a task without a file may have a log: nobody sees it
  const files = await readdir(dir)
  await mirrorEquals(mirror, dir, files).catch(async (error) => {
    t.fail(error.message, { seed })
  })
  t.equal(mirror.listed, 1, 'nothing but the feed told it')
})

/** Waits until the mirror equals the directory, or says what differs. */
async function mirrorEquals (mirror: Mirror, dir: string, files: string[]): Promise<void> {
  const ids = files.filter((name) => /^task_.*\.json$/.test(name)).map((name) => name.slice(0, -5))
  let difference = ''
  await waitFor(async () => {
    await mirror.settled()
    difference = await compare(mirror, dir, ids, files)
    return difference === ''
  }, { timeout: 15_000, every: 100 }).catch(() => { throw new Error(difference) })
}

async function compare (mirror: Mirror, dir: string, ids: string[], files: string[]): Promise<string> {
  const extra = [...mirror.tasks.keys()].filter((id) => !ids.includes(id))
  if (extra.length > 0) return `listed but not there: ${extra.join(' ')}`
  for (const id of ids) {
    const task = mirror.tasks.get(id)
    const file = JSON.parse(await readFile(join(dir, `${id}.json`), 'utf8'))
    if (JSON.stringify(task) !== JSON.stringify(file)) return `task ${id}: ${JSON.stringify(task)} instead of ${JSON.stringify(file)}`
    const log = files.includes(`${id}.log`) ? await readFile(join(dir, `${id}.log`)) : Buffer.alloc(0)
    const seen = mirror.logs.get(id) ?? Buffer.alloc(0)
    // an incomplete last character waits for its rest: up to 3 bytes
    if (!seen.equals(log) && !isIncompleteTail(seen, log, task)) {
      return `log ${id} (${task.status}): ${seen.length} bytes …${seen.subarray(-30)} instead of ${log.length} bytes …${log.subarray(-30)}`
    }
  }
  return ''
}

function isIncompleteTail (seen: Buffer, log: Buffer, task: { status: string }): boolean {
  const missing = log.length - seen.length
  return ['queued', 'running'].includes(task.status) && missing > 0 && missing <= 3 && log.subarray(0, seen.length).equals(seen) && log[seen.length]! >= 0xc2
}

function pause (ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

t.test('the directory is removed and made again, and another one is put in its place: the feed goes on', async (t) => {
  const parent = await temporaryDirectory(t)
  const dir = join(parent, 'tasks')
  const { url } = await startServer(t, { dir })
  const mirror = new Mirror(url)
  t.teardown(() => mirror.disconnect())
  await putTask(dir, 'task_1_a')
  await mirror.start()

  await rm(dir, { recursive: true })
  await mkdir(dir)
  await putTask(dir, 'task_2_b')
  await mirror.stream!.find(({ event, data }) => event === 'task.deleted' && data.id === 'task_1_a')
  await mirror.stream!.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b')

  await mkdir(join(parent, 'other'))
  await putTask(join(parent, 'other'), 'task_3_c')
  await rename(dir, join(parent, 'away'))
  await rename(join(parent, 'other'), dir)
  await mirror.stream!.find(({ event, data }) => event === 'task.deleted' && data.id === 'task_2_b')
  await mirror.stream!.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_3_c')

  await appendFile(join(dir, 'task_3_c.log'), 'still live\n')
  await mirror.stream!.find(({ event, data }) => event === 'task.log' && data.chunk === 'still live\n')
})

t.test('a directory that is moved away for a while deletes nothing', async (t) => {
  const parent = await temporaryDirectory(t)
  const dir = join(parent, 'tasks')
  const { app, url } = await startServer(t, { dir })
  const mirror = new Mirror(url)
  t.teardown(() => mirror.disconnect())
  await putTask(dir, 'task_1_a')
  await mirror.start()
  await rename(dir, join(parent, 'away'))
  await waitFor(async () => (await app.tasks.health()).problems.some(({ code }) => code === 'directory-unreadable'))
  t.match(await app.tasks.list(), { tasks: [{ id: 'task_1_a' }] })
  await rename(join(parent, 'away'), dir)
  await waitFor(async () => !(await app.tasks.health()).problems.some(({ code }) => code === 'directory-unreadable'))
  await putTask(dir, 'task_2_b')
  await mirror.stream!.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b')
  t.notOk(mirror.stream!.messages.some(({ event }) => event === 'task.deleted'))
})
