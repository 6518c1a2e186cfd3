import { appendFile, mkdir, readdir, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { Copy } from '../copy.ts'
import { openFeed, putTask, startServer, taskText, temporaryDirectory, waitFor } from '../helpers.ts'
import { randomFrom } from '../random.ts'
import { randomShape, randomSize, SHAPE_KINDS } from '../random-json.ts'
import { fuzz } from './fuzz/entrances.ts'

const TEXTS = ['line of output\n', 'Größe: 5 µm → ok\n', '進捗 50 %\n', '🙂'.repeat(40) + '\n', 'x'.repeat(5000)]

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9)

t.test('random shapes are valid JSON of at most the wanted size', async (t) => {
  const random = randomFrom(SEED)
  for (const kind of SHAPE_KINDS) {
    for (let round = 0; round < 20; round++) {
      const bytes = randomSize(random, 10_000)
      const { text } = randomShape(random, bytes, kind)
      t.doesNotThrow(() => JSON.parse(text), `${kind}, ${bytes} bytes, FUZZ_SEED=${SEED}`)
      if (Buffer.byteLength(text) > bytes) t.fail(`${kind} has ${Buffer.byteLength(text)} of ${bytes} bytes, FUZZ_SEED=${SEED}`)
    }
  }
})

// `npm run fuzz` takes longer, and measures pauses too
for (const entrance of ['routes', 'positions', 'files'] as const) {
  t.test(`a server answers correctly after ${SECONDS} s of random ${entrance}`, { timeout: (SECONDS + 240) * 1000 }, async (t) => {
    t.comment(`FUZZ_SEED=${SEED}`)
    const { findings, counts } = await fuzz(entrance, await temporaryDirectory(t), { seed: SEED, seconds: SECONDS })
    t.strictSame(findings, [])
    t.comment(JSON.stringify(counts))
  })
}

t.test('a client ends with the state of a directory in which 500 tasks changed in all ways', async (t) => {
  t.comment(`FUZZ_SEED=${SEED}`)
  const random = randomFrom(SEED)
  const dir = await temporaryDirectory(t)
  const { url } = await startServer(t, { dir })
  const copy = new Copy(new TasksClient(url).watch({ logs: true }))
  t.teardown(() => copy.live.close())
  const taken = copy.consume(() => undefined)
  taken.catch(() => {})

  const { pick } = random
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
  // an incomplete last character comes with the end of its task
  for (const name of await readdir(dir)) {
    const [, id] = /^(task_.*)\.json$/.exec(name) ?? []
    if (id !== undefined) await putTask(dir, id, { version: version++, status: 'completed' })
  }
  let difference: string | undefined
  const isSame = waitFor(async () => (difference = await copy.difference(dir)) === undefined, { timeout: 15_000, every: 100 })
  await Promise.race([isSame.catch(() => {}), taken])
  t.equal(difference, undefined, JSON.stringify({ SEED, ...copy.counts }))
  t.equal(copy.counts.snapshots, 1, 'the feed was enough: no further snapshot')
})

function pause (ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

t.test('the feed continues after the directory was removed and created again, and replaced by another one', async (t) => {
  const parent = await temporaryDirectory(t)
  const dir = join(parent, 'tasks')
  const { url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a')
  await waitFor(async () => (await fetch(`${url}/task_1_a`)).ok)
  const feed = await openFeed(url)
  t.teardown(() => feed.close())

  await rm(dir, { recursive: true })
  await mkdir(dir)
  await putTask(dir, 'task_2_b')
  await feed.find(({ event, data }) => event === 'task.deleted' && data.id === 'task_1_a')
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b')

  await mkdir(join(parent, 'other'))
  await putTask(join(parent, 'other'), 'task_3_c')
  await rename(dir, join(parent, 'away'))
  await rename(join(parent, 'other'), dir)
  await feed.find(({ event, data }) => event === 'task.deleted' && data.id === 'task_2_b')
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_3_c')

  await appendFile(join(dir, 'task_3_c.log'), 'still live\n')
  await feed.find(({ event, data }) => event === 'task.log' && data.chunk === 'still live\n')
})

t.test('moving the directory away for a while deletes no tasks', async (t) => {
  const parent = await temporaryDirectory(t)
  const dir = join(parent, 'tasks')
  const { app, url } = await startServer(t, { dir })
  await putTask(dir, 'task_1_a')
  await waitFor(async () => (await fetch(`${url}/task_1_a`)).ok)
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await rename(dir, join(parent, 'away'))
  await waitFor(async () => (await app.tasks.health()).problems.some(({ code }) => code === 'directory-unreadable'))
  t.match(await app.tasks.list(), { tasks: [{ id: 'task_1_a' }] })
  await rename(join(parent, 'away'), dir)
  await waitFor(async () => !(await app.tasks.health()).problems.some(({ code }) => code === 'directory-unreadable'))
  await putTask(dir, 'task_2_b')
  await feed.find(({ event, data }) => event === 'task.upsert' && data.id === 'task_2_b')
  t.notOk(feed.messages.some(({ event }) => event === 'task.deleted'))
})
