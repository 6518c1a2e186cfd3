import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { randomFrom } from '../random.ts'
import { enqueue, makeDirectory, readTaskOf, Said, untilEnded } from './fixtures.ts'
import { ODD_DIRECTORIES, recordsFolder, type Expected, type Place } from './odd-directories.ts'
import { Bystander, Outside } from './outside.ts'

/** How many rows of the table run, chosen at random. `HOSTILE_ROWS=1000` runs all of them. */
const ROWS = Number(process.env.HOSTILE_ROWS ?? 100)
const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 1e6)
const AT_ONCE = 4

// eslint-disable-next-line no-control-regex -- these must not be printed to a terminal
const CONTROL = /[\0-\x1f\x7f\x9b\u202e]/

async function check (t: Test, place: Place, outside: Outside, { line, refused, status, errorMessage }: Expected): Promise<void> {
  const { dir, state } = place
  const said = new Said()
  const processor = new TaskProcessor(dir, { stateDir: state, graceMs: 100, pollIntervalMs: 50, lockStaleAfterMs: 200, concurrency: 2, logger: said })
  t.teardown(() => processor.stop({ now: true }))
  outside.remember()
  if (refused !== undefined) {
    await t.rejects(processor.start(), { code: 'PROCESSOR_START', message: refused })
  } else {
    await processor.start()
    t.match(await untilEnded(dir, await enqueue(dir)), { status: 'completed' }, 'another task runs')
    if (line !== undefined) await said.untilMatch(line)
    if (status !== undefined && status !== 'queued') t.match(await untilEnded(dir, 'task_1_odd'), { status, ...(errorMessage && { errorMessage }) })
    if (status === 'queued') t.notMatch((await readTaskOf(dir, 'task_1_odd')).status, /running|completed|failed|cancelled/)
    t.equal(await processor.stop({ now: true }), 'stopped')
  }
  t.strictSame(said.lines.filter((line) => CONTROL.test(line)), [], 'no control characters are logged')
  outside.check(t)
  place.bystander.check(t)
}

t.test(`a processor survives odd directories (HOSTILE_SEED=${SEED})`, async (t) => {
  const base = makeDirectory(t)
  const bystander = await Bystander.start(t, join(base, 'signals'))
  const random = randomFrom(SEED)
  const rows = Object.entries(ODD_DIRECTORIES).flatMap(([kind, variations]) =>
    Object.entries(variations).map(([name, make]) => ({ name: `${kind}: ${name}`, make, order: random() })))
  const only = process.env.HOSTILE_ONLY
  const chosen = rows.filter(({ name }) => only === undefined || name.startsWith(only)).sort((a, b) => a.order - b.order).slice(0, ROWS)
  t.comment(`${chosen.length} of ${rows.length}`)
  t.jobs = AT_ONCE
  await Promise.all(chosen.map(({ name, make }, i) => t.test(`a processor survives "${name}"`, { buffered: true }, async (t) => {
    const path = join(base, String(i))
    const dir = join(path, 'tasks')
    const state = join(path, 'state')
    mkdirSync(dir, { recursive: true })
    mkdirSync(state, { mode: 0o700 })
    const outside = new Outside(t, join(path, 'outside'))
    const place: Place = { t, dir, outside: outside.path, state, records: recordsFolder(state, dir), bystander, random }
    await check(t, place, outside, await make(place))
    t.notOk(existsSync(join(dir, 'x')))
    for (const name of readdirSync(dir).filter((name) => name === '.processor.json')) t.ok(lstatSync(join(dir, name)))
  })))
})
