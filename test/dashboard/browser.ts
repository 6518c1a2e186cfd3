// what is evaluated in a page is checked with its types
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import chromium from '@sparticuz/chromium'
import { chromium as playwright, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'

/** Of the browser's own flags only what a machine without a display needs: the page's policies count as everywhere. */
const ARGS = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking']

export async function launchBrowser (t: Pick<Test, 'teardown'>, args: string[] = []): Promise<Browser> {
  const browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: [...ARGS, ...args] })
  t.teardown(() => browser.close())
  return browser
}

export interface OpenedPage {
  readonly page: Page
  /** What went wrong in it, also what its policy has blocked. */
  readonly errors: string[]
}

export async function openPage (t: Pick<Test, 'teardown'>, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const errors = collectErrors(page)
  await page.goto(url)
  return { page, errors }
}

export function collectErrors (page: Page): string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.stack ?? String(error)))
  page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) errors.push(message.text()) })
  return errors
}

/** What the page has of the log, by its own button. */
export async function copyLog (page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Copy the selection' }).click()
  return await page.evaluate(() => navigator.clipboard.readText())
}

export async function untilLogHas (page: Page, text: string, { timeout = 60_000 } = {}): Promise<string> {
  const deadline = performance.now() + timeout
  for (;;) {
    const shown = await copyLog(page)
    if (shown.includes(text)) return shown
    if (performance.now() > deadline) throw new Error(`the log on the page has no ${JSON.stringify(text)}: …${shown.slice(-200)}`)
    await page.waitForTimeout(50)
  }
}
