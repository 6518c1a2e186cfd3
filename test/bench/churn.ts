import { appendFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { healthOf, waitFor } from '../helpers.ts'
import { Child } from './child.ts'
import type { Churning } from './churn-clients.ts'
import type { Held } from './collected.ts'
import { makeTasks, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'

const CLIENTS = 10_000
const WARM_UP = 2000
const APPEND_EVERY_MS = 20
const MAX_GROWTH_MB = 1
/** More than a connection takes without being read. */
const LARGE_LOG_BYTES = 100_000_000
const SETTLE_MS = 10_000

/** Many streaming clients that come and go, while the log that they follow grows: what the server holds afterwards. */
export async function churn (): Promise<Figure[]> {
  const { dir, running: [id, large] } = makeTasks(100, { running: 2 })
  truncateSync(join(dir, `${large!}.log`), LARGE_LOG_BYTES)
  const server = await Child.start<ServerReady>('./server.ts', { dir, http2: true })
  const clients = await Child.start('./churn-clients.ts')
  const writing = setInterval(() => appendFileSync(join(dir, `${id!}.log`), 'output\n'.repeat(100)), APPEND_EVERY_MS)
  const paths = ['events', `${id!}/log?follow=true`, `${id!}/log/events`, `${large!}/log`].map((path) => `/api/tasks/${path}`)
  const come = async (http2: boolean, count: number) => {
    await clients.ask('churn', { url: http2 ? server.ready.url2! : server.ready.url, http2, paths, count } satisfies Churning)
    let streaming = 0
    await waitFor(async () => (streaming = (await healthOf(`${server.ready.url}/api/tasks`)).sseClients) === 0, { timeout: SETTLE_MS }).catch(() => {})
    await sleep(1000)
    return { streaming, ...await server.ask<Held>('collected') }
  }
  await come(true, WARM_UP)
  let before = await come(false, WARM_UP)
  const figures: Figure[] = []
  for (const http2 of [false, true]) {
    const after = await come(http2, CLIENTS)
    const grown = (after.bytes - before.bytes) / 1e6
    const more = after.descriptors - before.descriptors
    figures.push({
      name: `after ${CLIENTS.toLocaleString('en')} streaming clients over HTTP/${http2 ? 2 : '1.1'} came and went`,
      figure: `memory ${grown.toFixed(2)} MB more, of ${(before.bytes / 1e6).toFixed(1)}; ${more} more descriptors, of ${before.descriptors}; ${after.streaming} still counted`,
      wanted: `< ${MAX_GROWTH_MB} MB, 0, 0`,
      ok: grown < MAX_GROWTH_MB && more <= 0 && after.streaming === 0
    })
    before = after
  }
  clearInterval(writing)
  await Promise.all([clients.stop(), server.stop()])
  return figures
}
