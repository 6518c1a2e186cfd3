import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { enqueue, startProcessor } from '../../processor/fixtures.ts'
import { eventually, launchBrowser, openDashboard, rowOf, untilLogHas } from '../browser.ts'
import { startHost } from '../host.ts'

const browser = await launchBrowser(t)

async function press (page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key)
}

async function untilFocused (page: Page, text: string): Promise<void> {
  await eventually(() => page.evaluate(() => document.activeElement?.textContent), (focused) => focused === text, { what: `${JSON.stringify(text)} is focused` })
}

/** A list of three tasks, newest first: third, second, first. */
async function openList (t: Test): Promise<Page> {
  const { url, dir } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  for (const [age, command] of ['echo third', 'echo second', 'echo first'].entries()) {
    await enqueue(dir, { command, status: 'completed', createdAt: new Date(Date.now() - age * 1000).toISOString() })
    await rowOf(page, command).waitFor()
  }
  return page
}

t.test('the ? key opens the list of shortcuts, and Escape closes it', async (t) => {
  const { url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  await page.getByText('No tasks yet.').waitFor()
  await press(page, '?')
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await dialog.waitFor()
  await press(page, 'Escape')
  await dialog.waitFor({ state: 'detached' })
})

t.test('the n key opens the form, and Ctrl+Enter creates the task', async (t) => {
  const { url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const page = await openDashboard(t, browser, url)
  await page.getByText('Processor running').waitFor()
  await press(page, 'n')
  await page.locator('#field-command:focus').waitFor()
  await page.keyboard.type('echo by keys; sleep 79')
  await press(page, 'Control+Enter')
  await untilLogHas(page, 'by keys')
})

t.test('the f and w keys toggle following and wrapping, and Escape returns to the list', async (t) => {
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { command: 'echo by keys', status: 'running', startedAt: new Date().toISOString() })
  await writeFile(join(dir, `${id}.log`), 'by keys\n')
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'by keys')
  await press(page, 'f')
  await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor()
  await press(page, 'w')
  await page.getByRole('button', { name: 'Wrap long lines', pressed: false }).waitFor()
  await press(page, 'Escape')
  await rowOf(page, 'echo by keys').waitFor()
})

t.test('keys move the focus in the list, and Enter opens the task', async (t) => {
  const page = await openList(t)
  await press(page, 'j', 'Home')
  await untilFocused(page, 'echo third')
  await press(page, 'j')
  await untilFocused(page, 'echo second')
  await press(page, 'End')
  await untilFocused(page, 'echo first')
  await press(page, 'k', 'ArrowDown', 'Enter')
  await page.getByRole('heading', { name: 'echo first' }).waitFor()
})

t.test('the Tab key reaches the cancel button, whose focus is visible', async (t) => {
  const { url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const id = await enqueue(dir, { command: 'sleep 79' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.locator('.state').getByText('running').waitFor()
  const cancel = page.getByRole('button', { name: 'Cancel' })
  for (let tabs = 0; tabs < 30 && !await cancel.evaluate((element) => element === document.activeElement); tabs++) await press(page, 'Tab')
  t.equal(await cancel.evaluate((element) => getComputedStyle(element).outlineStyle), 'solid')
  await press(page, 'Enter')
  await page.locator('.state').getByText('cancelled').waitFor()
})

t.test('the / key focuses the search of the list', async (t) => {
  const page = await openList(t)
  await press(page, '/')
  await page.keyboard.type('third')
  await page.getByText('1 of 3').waitFor()
})
