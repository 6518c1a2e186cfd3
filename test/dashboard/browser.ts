// functions that are evaluated in a page are checked with the types of the DOM
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import chromium from '@sparticuz/chromium'
import { chromium as playwright, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import type { Test } from 'tap'

type Teardown = Pick<Test, 'teardown'>

/** Only the flags that a machine without a display needs, so that the page's policies apply as in any browser. */
const ARGS = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking']

export async function launchBrowser (t: Teardown, args: string[] = []): Promise<Browser> {
  const browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: [...ARGS, ...args] })
  t.teardown(() => browser.close())
  return browser
}

export interface OpenedPage {
  readonly page: Page
  /** Uncaught errors of the page, and errors in its console, including what its policy has blocked. */
  readonly errors: string[]
}

export async function openPage (t: Teardown, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const errors = collectErrors(page)
  await page.goto(url)
  return { page, errors }
}

/** Opens a page whose errors fail the test. */
export async function openDashboard (t: Teardown, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const { page, errors } = await openPage(t, browser, url, options)
  t.teardown(() => { if (errors.length > 0) throw new Error(`errors in the page: ${errors.join('\n')}`) })
  return page
}

export function collectErrors (page: Page): string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)))
  page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) errors.push(message.text()) })
  return errors
}

/** The row of the list that contains a text. */
export function rowOf (page: Page, text: string): Locator {
  return page.getByRole('row').filter({ hasText: text })
}

/** The log's rows in view, while nothing is being loaded. */
export function logRows (page: Page): Locator {
  return page.locator('.terminal[aria-busy=false] .xterm-rows > div')
}

/** The part of the log that the page has loaded, by its copy button. */
export async function copyLog (page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Copy the selection' }).click()
  return await page.evaluate(() => navigator.clipboard.readText())
}

/** Resolves with the loaded part of the log when it contains the text. */
export async function untilLogHas (page: Page, text: string, { timeout = 60_000 } = {}): Promise<string> {
  return await eventually(() => copyLog(page), (log) => log.includes(text), { what: `the log on the page contains ${JSON.stringify(text)}`, timeout })
}

interface WaitOptions {
  /** The condition, for the error. */
  readonly what: string
  /** @default 60_000 */
  readonly timeout?: number
}

/** Polls a value until a condition holds. The error contains the last value. */
export async function eventually<T> (read: () => T | Promise<T>, holds: (value: T) => boolean, { what, timeout = 60_000 }: WaitOptions): Promise<T> {
  const deadline = performance.now() + timeout
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}; last value: ${JSON.stringify(value)?.slice(-500)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
