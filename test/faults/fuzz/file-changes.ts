import { constants } from 'node:fs'
import { chmod, link, lstat, lutimes, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../../random.ts'
import { randomShape, randomSize } from '../../random-json.ts'
import { encode, mutate, randomBytes } from './bytes.ts'
import type { Lane } from './lanes.ts'

export interface Surroundings {
  /** The tasks directory. */
  readonly dir: string
  /** A directory beside it, with a `fifo`, a `socket`, a `file` and a `folder`. */
  readonly outside: string
}

interface Change extends Surroundings {
  readonly lane: Lane
  readonly path: string
  readonly content: Buffer
}

const KINDS = ['json', 'json', 'json', 'json', 'log', 'log', 'claim', 'cancel']
const STATUSES = ['queued', 'queued', 'queued', 'running', 'completed', 'failed', 'cancelled', 'Queued', '', null, 1, {}]
const TYPES = ['some', 'whole', 'strict', 'canary', 'unknown', '', null, 5, ['some'], '__proto__']
const TIMES = ['2026-01-01T00:00:00.000Z', '2026-01-01', '', null, 0, 'x', '9999-12-31T23:59:59Z', '2026-02-30T00:00:00Z', -1]
const MAX_BYTES = 1024 * 1024

/** Opening a FIFO that no process reads fails instead of waiting. */
const OVERWRITE = { flag: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK }
const APPEND = { flag: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK }

let temporaryCount = 0

/** Makes one change in the directory. Changes that the system refuses are fine. */
export async function randomChange (lane: Lane, surroundings: Surroundings): Promise<void> {
  const { random, note, pause } = lane
  const id = `task_${random.below(20)}_f`
  const kind = random.pick(KINDS)
  const name = random.below(8) === 0 ? oddName(random, id) : `${id}.${kind}`
  const content = kind === 'json' ? taskContent(random, id) : kind === 'log' ? logContent(random) : sideContent(random)
  const action = random.pick(random.below(3) === 0 ? ODD_ACTIONS : ACTIONS)
  note(`${action.name} ${JSON.stringify(name)} ${content.length} bytes: ${content.toString('latin1', 0, 80)}`)
  await action({ ...surroundings, lane, path: join(surroundings.dir, name), content }).catch(() => {})
  await pause(random.below(20))
}

async function replace ({ dir, path, content }: Change): Promise<void> {
  const temporary = join(dir, `.fuzz-${process.pid}-${temporaryCount++}`)
  await writeFile(temporary, content)
  await rename(temporary, path).catch(async () => {
    // in place of a directory
    await rm(path, { recursive: true })
    await rename(temporary, path)
  })
}

const ACTIONS: ReadonlyArray<(change: Change) => Promise<unknown>> = [
  replace,
  replace,
  replace,
  async function overwrite ({ path, content }) { await writeFile(path, content, OVERWRITE) },
  async function writeInPieces ({ path, content, lane: { random, pause } }) {
    const cut = random.below(content.length + 1)
    await writeFile(path, content.subarray(0, cut), OVERWRITE)
    await pause(random.below(100))
    await writeFile(path, content.subarray(cut), APPEND)
  },
  async function append ({ path, content }) { await writeFile(path, content, APPEND) },
  async function cut ({ path, lane: { random } }) { await truncate(path, random.below(200)) },
  async function remove ({ path }) { await rm(path, { recursive: true, force: true }) }
]

const ODD_ACTIONS: ReadonlyArray<(change: Change) => Promise<unknown>> = [
  async function folder ({ path }) {
    await rm(path, { force: true })
    await mkdir(path)
    await writeFile(join(path, 'x'), '')
  },
  async function fifo ({ path, outside }) { await replaceByLink(join(outside, 'fifo'), path) },
  async function socket ({ path, outside }) { await replaceByLink(join(outside, 'socket'), path) },
  async function hardLink ({ path, outside }) { await replaceByLink(join(outside, 'file'), path) },
  async function hardLinkInside ({ path, dir, lane: { random } }) { await replaceByLink(join(dir, `task_${random.below(20)}_f.${random.pick(KINDS)}`), path) },
  async function symbolicLink ({ path, dir, outside, lane: { random } }) {
    await rm(path, { recursive: true, force: true })
    await symlink(random.pick([path, 'missing', '/dev/zero', '/proc/self/mem', '.', '..', join(outside, 'file'), join(outside, 'fifo'), join(dir, 'task_1_f.json')]), path)
  },
  async function sparse ({ path, lane: { random } }) {
    await writeFile(path, '', APPEND)
    await truncate(path, random.pick([MAX_BYTES, MAX_BYTES + 1, 2 ** 32, 2 ** 40]))
  },
  async function moveInside ({ path, dir, lane: { random } }) { await rename(path, join(dir, `task_${random.below(20)}_f.${random.pick(KINDS)}`)) },
  async function changeTimes ({ path, lane: { random } }) { await lutimes(path, random.pick([0, -1, 1e9, 4e9, 1e11]), random.pick([0, -1, 1e9, 4e9, 1e11])) },
  async function changeMode ({ path, lane: { random } }) {
    // `chmod` follows symbolic links, out of the directory
    if (!(await lstat(path)).isSymbolicLink()) await chmod(path, random.pick([0, 0o200, 0o444, 0o4777]))
  }
]

async function replaceByLink (target: string, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await link(target, path)
}

/** Never the lock file: a processor that loses it ends, as it should. */
function oddName (random: Random, id: string): string {
  return random.pick([
    '.queue.fifo', '.processor.json', `.tmp-${'0123456789abcdef'.repeat(2).slice(random.below(10), 18)}`, `.${id}.json`, `${id}.json~`, `${id}.JSON`, id, `${id}.`, `${id}.log.1`, `${id}.json.json`, `TASK_${id.slice(5)}.json`, `task_0${id.slice(5)}.json`,
    'task_1_.json', `task_${'9'.repeat(89)}_f.json`, `task_${'9'.repeat(230)}_f.json`, 'x'.repeat(255), 'é.json', 'e\u0301.json', '字.log', 'a\nb.json', '-rf', '*', ' ', '\u007f', '\u202e.json', 'CON', 'node_modules', '.git', '__proto__.json'
  ])
}

function taskContent (random: Random, id: string): Buffer {
  const fields = {
    id: random.below(20) === 0 ? random.pick([`${id}x`, null, 1, '../x']) : id,
    command: random.pick(['true', 'true', '', null, 5, {}, 'x'.repeat(200_000), '\0']),
    type: random.pick(TYPES),
    status: random.pick(STATUSES),
    createdAt: random.pick(TIMES),
    config: { text: random.pick(['x', '-x', '', '\0', '\ud800', 5, null]) },
    ...(random.below(3) === 0 && { app: random.pick(['', 'x', null, 5, '-x', '\0']), timeoutMs: random.pick([1, 0, -1, 1e12, 'x', null, 0.5]), exitCode: random.pick([0, 1e9, 'x', null]), completedAt: random.pick(TIMES), startedAt: random.pick(TIMES) })
  }
  const valid = JSON.stringify(fields)
  const withField = (name: string) => `${valid.slice(0, -1)},"${name}":${shape(random)}}`
  return random.pick([
    () => Buffer.from(valid),
    () => Buffer.from(valid),
    () => encode(random, valid),
    () => mutate(random, Buffer.from(valid)),
    () => Buffer.from(withField('config')),
    () => Buffer.from(withField(random.pick(['extra', 'command', 'type', 'app', 'status', 'createdAt', 'errorMessage', '__proto__', 'toJSON', 'id']))),
    () => mutate(random, encode(random, withField('config'))),
    () => Buffer.from(shape(random)),
    () => Buffer.from(valid.padEnd(MAX_BYTES + random.pick([-1, 0, 1]), ' ')),
    () => Buffer.alloc(random.pick([0, 1, 1000, MAX_BYTES]), random.pick(['\0', '[', '{"a":', ' ', '"']))
  ])()
}

function shape (random: Random): string {
  return randomShape(random, randomSize(random, random.below(4) === 0 ? MAX_BYTES - 1000 : 10_000)).text
}

function logContent (random: Random): Buffer {
  return random.pick([
    () => Buffer.from(`line ${random.below(1e6)}\n`.repeat(1 + random.below(1000))),
    () => randomBytes(random, random.below(1000)),
    () => Buffer.alloc(random.below(3_000_000), random.pick(['x', '\0', '\n', '\u001b[', '🙂', '\u00e9'])),
    () => Buffer.from('\u001b[2147483647S\u001b]0;' + 'x'.repeat(random.below(1000)))
  ])()
}

function sideContent (random: Random): Buffer {
  const text = random.pick(['{}\n', '{"delete": true}\n', '', '{"by":"processor","nonce":"0123456789abcdef"}', '{"by":"cancel","nonce":"0123456789abcdef"}', '{"by":"cancel","nonce":5}', 'null', '[]', '{"delete":"true"}'])
  return random.pick([() => Buffer.from(text), () => mutate(random, Buffer.from(text)), () => encode(random, text), () => Buffer.from(randomShape(random, randomSize(random, 70_000)).text)])()
}
