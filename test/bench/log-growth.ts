import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { putTask } from '../helpers.ts'
import { Child } from './child.ts'
import type { Followed, Following } from './follower.ts'
import { makeTasks, median, now, settled, type Figure } from './lab.ts'
import { Growth } from './memory.ts'
import type { ServerReady } from './server.ts'
import type { Grown, Growing } from './writer.ts'

const MB = 1_000_000
const BYTES_PER_SECOND = 50 * MB
const SECONDS = 6
/** Capacity of a pipe. */
const PIECE_BYTES = 64 * 1024
const UNFOLLOWED_ROUNDS = 2
const UNFOLLOWED_SECONDS = 2
const NAME = 'a log that grows by 50 MB/s'

interface Growths {
  readonly dir: string
  readonly id: string
  readonly server: Child<ServerReady>
  readonly writer: Child
}

/** A log that grows fast, with a follower of each kind, and without a follower. */
export async function logGrowth (): Promise<Figure[]> {
  return [
    ...await withLog(async (growths) => await followed(growths, 'the feed', (id) => `events?task=${id}`, 'task.upsert')),
    ...await withLog(async (growths) => await followed(growths, 'GET /:id/log/events', (id) => `${id}/log/events`, 'end')),
    ...await withLog(unfollowed)
  ]
}

async function withLog (measure: (growths: Growths) => Promise<Figure[]>): Promise<Figure[]> {
  const { dir, running: [id] } = makeTasks(1, { running: 1 })
  truncateSync(join(dir, `${id}.log`))
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  const writer = await Child.start('./writer.ts')
  const figures = await measure({ dir, id: id!, server, writer })
  await Promise.all([server.stop(), writer.stop()])
  // frees half a gigabyte
  truncateSync(join(dir, `${id}.log`))
  return figures
}

/** @param end type of the event that reports that the task is finished */
async function followed ({ dir, id, server, writer }: Growths, by: string, path: (id: string) => string, end: string): Promise<Figure[]> {
  const name = `${NAME}, by ${by}`
  const url = `${server.ready.url}/api/tasks`
  const follower = await Child.start('./follower.ts')
  try {
    const status = await follower.ask<number>('follow', { stream: `${url}/${path(id)}`, log: `${url}/${id}/log` } satisfies Following)
    if (status !== 200) return [{ name, figure: `skipped: the route answers ${status}`, wanted: 'every byte' }]
    await settled(server)
    const growth = new Growth(server.pid)
    const grown = await grow({ dir, id, writer })
    const { hash, at, fetches, fetched } = await follower.ask<Followed>('until', grown.size)
    await putTask(dir, id, { status: 'completed' })
    await follower.ask('received', end)
    const peak = growth.peakMiB
    const same = hash === grown.hash
    const bytes = `${(grown.size / MB).toFixed(0)} MB, ${same ? 'the same bytes' : 'other bytes'}`
    return [
      { name, figure: `${bytes}, the last ${Math.max(0, at - grown.at).toFixed(0)} ms late; fetched ${(fetched / MB).toFixed(0)} MB by ${fetches} requests`, wanted: 'every byte', ok: same },
      { name: `${name}: server's memory`, figure: `grew by ${peak.toFixed(0)} MB at most`, wanted: '< 64 MB', ok: peak < 64 }
    ]
  } finally {
    await follower.stop()
  }
}

/** Compared with a watcher that does nothing: the system reports each write, so less is not possible. */
async function unfollowed ({ dir, id, server, writer }: Growths): Promise<Figure[]> {
  const other = makeTasks(1, { running: 1 }).dir
  const bare = await Child.start('./bare-watcher.ts', { dir: other })
  await settled(server)
  const percent = async (watching: Child, dir: string, writeBytes: number): Promise<number> => {
    const [before, start] = [await watching.ask<number>('cpu'), now()]
    await grow({ dir, id, writer }, { seconds: UNFOLLOWED_SECONDS, writeBytes })
    return (await watching.ask<number>('cpu') - before) / 10 / (now() - start)
  }
  const rounds = async (writeBytes: number): Promise<Figure> => {
    const percents: { ours: number[], bare: number[] } = { ours: [], bare: [] }
    for (let round = 0; round < UNFOLLOWED_ROUNDS; round++) {
      percents.ours.push(await percent(server, dir, writeBytes))
      percents.bare.push(await percent(bare, other, writeBytes))
    }
    const [ours, theirs] = [median(percents.ours), median(percents.bare)]
    const name = `${NAME}, unfollowed, in writes of ${writeBytes / 1024} KB: server's CPU`
    return { name, figure: `${ours.toFixed(1)} % of a core; a bare fs.watch: ${theirs.toFixed(1)} %`, ...(writeBytes === PIECE_BYTES && { wanted: '< 3 %', ok: ours < 3 }) }
  }
  const figures = [await rounds(PIECE_BYTES), await rounds(1024)]
  await bare.stop()
  return figures
}

async function grow ({ dir, id, writer }: Pick<Growths, 'dir' | 'id' | 'writer'>, { seconds = SECONDS, writeBytes = PIECE_BYTES } = {}): Promise<Grown> {
  return await writer.ask<Grown>('grow', { path: join(dir, `${id}.log`), bytesPerSecond: BYTES_PER_SECOND, seconds, writeBytes } satisfies Growing)
}
