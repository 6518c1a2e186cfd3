import { join } from 'node:path'
import { Child } from './child.ts'
import { makeTasks, median, type Figure } from './lab.ts'
import { BLOCK, checkLog, writeLog } from './log-lines.ts'
import { Growth } from './memory.ts'
import type { ServerReady } from './server.ts'

/** Sizes of the logs: whole blocks, so that both logs end with the same lines. */
const SMALL = BLOCK.length
const BIG = Math.ceil(1_000_000_000 / BLOCK.length) * BLOCK.length
const ROUNDS = 4
const REQUESTS = 200
/** Bytes and lines that are requested at the end of a log. */
const END_BYTES = 4096
const LINES = 100
const LINES_BYTES = BLOCK.toString().split('\n').slice(-LINES - 1).join('\n').length

interface Logs {
  readonly server: Child<ServerReady>
  readonly path: string
  /** URLs of the two logs. */
  readonly big: string
  readonly small: string
}

/** GET of a log of 1 GB: the whole log, and its end. */
export async function logGet (): Promise<Figure[]> {
  const { dir, running: [big, small] } = makeTasks(2, { running: 2 })
  const path = join(dir, `${big}.log`)
  writeLog(path, BIG)
  writeLog(join(dir, `${small}.log`), SMALL)
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  const route = (id: string | undefined) => `${server.ready.url}/api/tasks/${id}/log`
  const logs = { server, path, big: route(big), small: route(small) }
  const figures = [...await whole(logs), ...await itsEnd(logs)]
  await server.stop()
  return figures
}

async function whole ({ server, path, big, small }: Logs): Promise<Figure[]> {
  const bare = await Child.start<{ url: string }>('./bare-log-server.ts', { path })
  const client = await Child.start('./log-client.ts')
  const get = async (url: string, bytes: number) => await client.ask<number>('get', { url, bytes })
  await get(small, SMALL)
  const growths = [server, bare].map(({ pid }) => new Growth(pid))
  const times: { ours: number[], bare: number[] } = { ours: [], bare: [] }
  for (let round = 0; round <= ROUNDS; round++) {
    const sides = [['ours', big], ['bare', bare.ready.url]] as const
    for (const [side, url] of round % 2 === 0 ? sides : sides.toReversed()) {
      const ms = await get(url, BIG)
      // the first round warms up
      if (round > 0) times[side].push(ms)
    }
  }
  const [peak, barePeak] = growths.map(({ peakMiB }) => peakMiB) as [number, number]
  await Promise.all([bare.stop(), client.stop()])
  const ratio = median(times.ours.map((ms, round) => times.bare[round]! / ms))
  const perSecond = (ms: readonly number[]) => `${(BIG / 1000 / median(ms)).toFixed(0)} MB/s`
  return [
    { name: 'log of 1 GB to one client, against a piped file', figure: `${ratio.toFixed(2)} of its rate (${perSecond(times.ours)}; ${perSecond(times.bare)})`, wanted: '≥ 0.7', ok: ratio >= 0.7 },
    { name: 'log of 1 GB to one client: server\'s memory', figure: `grew by ${peak.toFixed(0)} MB at most; the piped file's: ${barePeak.toFixed(0)} MB`, wanted: '< 40 MB', ok: peak < 40 }
  ]
}

async function itsEnd ({ big, small }: Logs): Promise<Figure[]> {
  const position = (size: number) => `?position=${size - END_BYTES}`
  return [
    await compare('?position= near the end', { big: big + position(BIG), small: small + position(SMALL) }, END_BYTES),
    await compare(`?tail=${LINES}`, { big: `${big}?tail=${LINES}`, small: `${small}?tail=${LINES}` }, LINES_BYTES)
  ]
}

async function compare (query: string, urls: { big: string, small: string }, wantedBytes: number): Promise<Figure> {
  const name = `log's ${query}, 1 GB against 1 MB`
  const wanted = '< 1.5'
  const times: { big: number[], small: number[] } = { big: [], small: [] }
  for (let request = 0; request < REQUESTS; request++) {
    for (const [side, size] of [['big', BIG], ['small', SMALL]] as const) {
      const started = performance.now()
      const response = await fetch(urls[side])
      const bytes = Buffer.from(await response.arrayBuffer())
      const ms = performance.now() - started
      if (response.status === 400) return { name, figure: 'skipped: the route answers 400', wanted }
      if (bytes.length !== wantedBytes) throw new Error(`${response.status}, ${bytes.length} bytes of ${wantedBytes}: ${urls[side]}`)
      checkLog(bytes, size - wantedBytes)
      // the first requests warm up
      if (request >= REQUESTS / 10) times[side].push(ms)
    }
  }
  const [ofBig, ofSmall] = [median(times.big), median(times.small)]
  return { name, figure: `ratio ${(ofBig / ofSmall).toFixed(2)} (${ofBig.toFixed(2)} ms; ${ofSmall.toFixed(2)} ms)`, wanted, ok: ofBig / ofSmall < 1.5 }
}
