import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { launchBrowser } from '../dashboard/browser.ts'
import { Child } from './child.ts'
import { makeTasks, median, type Figure } from './lab.ts'
import type { ServerReady } from './server.ts'
import type { Grown, Growing } from './writer.ts'

const BUILT = fileURLToPath(new URL('../../dist/dashboard/page/', import.meta.url))
const LOADS = 5
const MB = 1_000_000
const SECONDS = 10
/** One per second, for an hour. */
const CHANGES = 3600

/** The dashboard in a browser. */
export async function page (): Promise<Figure[]> {
  const closers: Array<() => unknown> = []
  const browser = await launchBrowser({ teardown: (work) => { closers.push(work!) } } as Parameters<typeof launchBrowser>[0], ['--js-flags=--expose-gc', '--enable-precise-memory-info'])
  try {
    return [...sizes(), ...await firstPaint(browser.newPage.bind(browser)), ...await fastLog(browser.newPage.bind(browser)), ...await manyEvents(browser.newPage.bind(browser))]
  } finally {
    for (const close of closers) await close()
  }
}

type NewPage = () => Promise<Page>

function sizes (): Figure[] {
  const names = readdirSync(BUILT).filter((name) => /\.(js|css)$/.test(name))
  const sum = (suffix: string, which: (name: string) => boolean) => names.filter(which).reduce((sum, name) => sum + statSync(join(BUILT, name + suffix)).size, 0) / 1000
  const all = (name: string) => !name.startsWith('log-view-')
  const first = (name: string) => all(name) && !name.startsWith('new-task-')
  const figure = `${sum('.br', all).toFixed(1)} kB by brotli, ${sum('.gz', all).toFixed(1)} kB by gzip; without the form, which loads on demand, ${sum('.br', first).toFixed(1)} and ${sum('.gz', first).toFixed(1)} kB`
  return [{ name: 'page: its files, without the terminal', figure, wanted: '< 60 kB', ok: sum('.br', all) < 60 }]
}

/** Time from the last byte of the HTML until rows are painted. */
async function firstPaint (newPage: NewPage): Promise<Figure[]> {
  const server = await Child.start<ServerReady>('./server.ts', { dir: makeTasks(10_000).dir })
  const times: number[] = []
  for (let load = 0; load <= LOADS; load++) {
    const page = await newPage()
    await page.goto(`${server.ready.url}/`, { waitUntil: 'commit' })
    const ms = await page.evaluate(async () => {
      while (document.querySelector('.scroller .row') === null) await new Promise(requestAnimationFrame)
      // rows are painted when the next frame starts
      await new Promise(requestAnimationFrame)
      const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
      return performance.now() - navigation!.responseEnd
    })
    // the first load warms up
    if (load > 0) times.push(ms)
    await page.context().close()
  }
  await server.stop()
  return [{ name: 'page: rows of 10,000 tasks after the HTML', figure: `${median(times).toFixed(0)} ms; a loop of 1e8 in this process: ${loop().toFixed(0)} ms`, wanted: '< 1000 ms', ok: median(times) < 1000 }]
}

/** Duration of a fixed loop in ms: the present speed of the machine. */
function loop (): number {
  const started = performance.now()
  let sum = 0
  for (let n = 0; n < 1e8; n++) sum += n
  return sum > 0 ? performance.now() - started : NaN
}

async function heap (page: Page): Promise<number> {
  return await page.evaluate(() => {
    const { gc } = globalThis as unknown as { gc: () => void }
    gc()
    gc()
    return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 1e6
  })
}

/** An open page that follows a log that grows by 20 MB/s. */
async function fastLog (newPage: NewPage): Promise<Figure[]> {
  const { dir, running: [id] } = makeTasks(1, { running: 1 })
  truncateSync(join(dir, `${id}.log`))
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  const writer = await Child.start('./writer.ts')
  const page = await newPage()
  await page.goto(`${server.ready.url}/#/tasks/${id}`)
  await page.locator('.terminal[aria-busy=false]').waitFor()
  const grow = (seconds: number) => writer.ask<Grown>('grow', { path: join(dir, `${id}.log`), bytesPerSecond: 20 * MB, seconds, writeBytes: 16 * 1024 } satisfies Growing)
  await grow(2)
  await sleep(1000)
  const before = await heap(page)
  await page.evaluate(() => {
    const tasks: number[] = []
    Object.assign(globalThis, { longTasks: tasks })
    new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) tasks.push(duration) }).observe({ type: 'longtask' })
  })
  await grow(SECONDS)
  const longest = Math.max(0, ...await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks))
  const grown = await heap(page) - before
  await page.context().close()
  await Promise.all([server.stop(), writer.stop()])
  truncateSync(join(dir, `${id}.log`))
  return [
    { name: 'page: a log that grows by 20 MB/s: longest task of the main thread', figure: `${longest.toFixed(0)} ms`, wanted: '≤ 200 ms', ok: longest <= 200 },
    { name: 'page: a log that grows by 20 MB/s: memory', figure: `grew by ${grown.toFixed(1)} MB in ${SECONDS} s`, wanted: '< 30 MB', ok: grown < 30 }
  ]
}

/** The changes of an hour, as fast as possible. */
async function manyEvents (newPage: NewPage): Promise<Figure[]> {
  const { dir } = makeTasks(1000)
  const server = await Child.start<ServerReady>('./server.ts', { dir })
  const writer = await Child.start('./writer.ts')
  const page = await newPage()
  await page.goto(`${server.ready.url}/`)
  await page.locator('.scroller .row').first().waitFor()
  const before = await heap(page)
  for (let done = 0; done < CHANGES; done += 100) {
    const ids = await writer.ask<string[]>('enqueue', { dir, count: 100 })
    await page.locator(`#row-${ids.at(-1)!}`).waitFor()
    // tasks are deleted, as by retention: the number of tasks stays the same
    await Promise.all(ids.map((id) => deleteTask(server.ready.url, id)))
  }
  await sleep(1000)
  const grown = await heap(page) - before
  await page.context().close()
  await Promise.all([server.stop(), writer.stop()])
  return [{ name: `page: memory after ${CHANGES} tasks came and went`, figure: `grew by ${grown.toFixed(1)} MB`, wanted: '< 30 MB', ok: grown < 30 }]
}

async function deleteTask (url: string, id: string): Promise<void> {
  await (await fetch(`${url}/api/tasks/${id}?force=1`, { method: 'DELETE' })).arrayBuffer()
}
