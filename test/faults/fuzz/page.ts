/// <reference lib="dom" />
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { untilLogHas, type OpenedPage } from '../../dashboard/browser.ts'
import { randomOutput } from '../../dashboard/random-output.ts'
import type { Pause, Pauses } from '../../pauses.ts'
import { withDeadline } from '../../with-deadline.ts'
import type { FuzzOptions, FuzzResult } from './fuzz.ts'
import { Run, type Step } from './lanes.ts'

const MAX_LOG_BYTES = 20_000_000
const KEYS = ['PageUp', 'PageDown', 'Home', 'End', 'ArrowUp', 'ArrowDown', 'Control+a']
const BUTTONS = ['Follow', 'Start of the log', 'End of the log', 'Wrap long lines', 'Copy the selection']

/**
 * Appends random control sequences to the log of a running task whose page is open. The page must answer all the time, and
 * show afterwards what the log contains then.
 * @param log path of the log
 */
export async function fuzzPage ({ page, errors }: OpenedPage, log: string, { seed, seconds }: FuzzOptions): Promise<FuzzResult> {
  await page.locator('.terminal[aria-busy=false]').waitFor()
  await observeLongTasks(page)
  const run = new Run()
  await run.drive({ seed, seconds, steps: pageSteps(page, log) })
  const findings = [...run.findings]
  await writeFile(log, 'the last line\n')
  await endOf(page).catch((error: Error) => { findings.push(`afterwards: ${error.stack}`) })
  const pauses = pausesOf(findings.length > 0 ? [] : await longTasks(page))
  return { counts: run.counts, findings: [...findings, ...errors], pauses: { page: pauses }, causes: run.causes(pauses), details: {} }
}

function pageSteps (page: Page, log: string): Record<string, Step> {
  let written = 0
  return {
    write: async ({ random, note, pause }) => {
      const output = randomOutput(random, 1 + random.below(random.pick([20, 500, 20_000])))
      note(JSON.stringify(output.toString('latin1')))
      await appendFile(log, output)
      written += output.length
      if (written > MAX_LOG_BYTES || random.below(300) === 0) {
        written = 0
        await truncate(log, 0)
      }
      await pause(random.below(50))
    },
    answer: async ({ pause }) => {
      await withDeadline(page.evaluate(() => document.title), () => 'the page does not answer')
      await pause(50)
    },
    use: async ({ random, note, pause }) => {
      const key = random.pick(KEYS)
      note(`press ${key}`)
      const used = random.below(4) > 0 ? page.keyboard.press(key) : page.getByRole('button', { name: random.pick(BUTTONS) }).first().click({ timeout: 1000 }).catch(() => {})
      await withDeadline(used, () => 'the page does not take a key')
      await pause(random.below(300))
    }
  }
}

async function endOf (page: Page): Promise<void> {
  await withDeadline(page.getByRole('button', { name: 'End of the log' }).click(), () => 'no click on a button')
  await untilLogHas(page, 'the last line')
}

async function observeLongTasks (page: Page): Promise<void> {
  await page.evaluate(() => {
    const tasks: Pause[] = []
    Object.assign(globalThis, { longTasks: tasks })
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) tasks.push({ from: performance.timeOrigin + startTime, ms: duration })
    }).observe({ type: 'longtask' })
  })
}

/** Tasks of the page's main thread of more than 50 ms, on the monotonic clock. */
async function longTasks (page: Page): Promise<Pause[]> {
  const tasks = await page.evaluate(() => (globalThis as unknown as { longTasks: Pause[] }).longTasks)
  const shift = Number(process.hrtime.bigint()) / 1e6 - Date.now()
  return tasks.map(({ from, ms }) => ({ from: from + shift, ms }))
}

function pausesOf (tasks: readonly Pause[]): Pauses {
  const durations = tasks.map(({ ms }) => ms)
  return { longestMs: Math.max(0, ...durations), totalMs: durations.reduce((sum, ms) => sum + ms, 0), long: tasks.filter(({ ms }) => ms > 200) }
}
