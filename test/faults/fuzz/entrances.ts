import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { launchBrowser, openPage } from '../../dashboard/browser.ts'
import { putTask, untilKnown } from '../../helpers.ts'
import { randomFrom } from '../../random.ts'
import { FileFuzz } from './files.ts'
import { fuzzServer, type FuzzOptions, type FuzzResult } from './fuzz.ts'
import { FuzzedServer } from './fuzzed-server.ts'
import { fuzzPage } from './page.ts'
import { positionSteps } from './positions.ts'
import { routeSteps } from './routes.ts'

export type Entrance = keyof typeof ENTRANCES

/** Where input comes in. Each has a fuzzer. */
export const ENTRANCES = {
  routes: async (server: FuzzedServer, options: FuzzOptions) => await fuzzServer(server, options, routeSteps(server)),
  positions: async (server: FuzzedServer, options: FuzzOptions) => await fuzzServer(server, options, await positionSteps(server, randomFrom(options.seed))),
  files,
  page
} as const

/** Fuzzes one entrance of a server of its own. @param dir an empty directory */
export async function fuzz (entrance: Entrance, dir: string, options: FuzzOptions): Promise<FuzzResult> {
  const server = await FuzzedServer.start(dir)
  try {
    return await ENTRANCES[entrance](server, options)
  } finally {
    await server.stop()
  }
}

async function files (server: FuzzedServer, options: FuzzOptions): Promise<FuzzResult> {
  const files = await FileFuzz.start(server)
  const result = await fuzzServer(server, options, files.steps())
  const pauses = files.processor.exit === undefined ? { processor: await files.processor.pauses() } : {}
  return { ...result, pauses: { ...result.pauses, ...pauses }, findings: [...result.findings, ...await files.stop()] }
}

async function page (server: FuzzedServer, options: FuzzOptions): Promise<FuzzResult> {
  const id = 'task_1_page'
  const log = join(server.dir, `${id}.log`)
  await writeFile(log, 'the first line\n')
  await putTask(server.dir, id, { status: 'running' })
  await untilKnown(server.url, id)
  const closers: Array<() => unknown> = []
  const teardown = { teardown: (work: () => unknown) => { closers.unshift(work) } } as Parameters<typeof launchBrowser>[0]
  try {
    const browser = await launchBrowser(teardown)
    return await fuzzPage(await openPage(teardown, browser, new URL(`/#/tasks/${id}`, server.url).href), log, options)
  } finally {
    for (const close of closers) await close()
  }
}
