import t from 'tap'
import type { Page } from 'playwright-core'
import { enqueue, startProcessor } from '../../processor/fixtures.ts'
import { launchBrowser, openDashboard, rowOf } from '../browser.ts'
import { startHost } from '../host.ts'

const browser = await launchBrowser(t)

async function enqueueThree (dir: string): Promise<void> {
  await enqueue(dir, { command: 'echo alpha', type: 'build', app: 'shop' })
  await enqueue(dir, { command: 'echo beta', type: 'deploy', status: 'failed', exitCode: 3, errorMessage: 'No such file' })
  await enqueue(dir, { command: 'echo gamma', type: 'deploy', status: 'paused' })
}

t.test('the header shows whether a processor is running', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  await page.getByText('No processor is running').waitFor()
  await startProcessor(t, dir)
  await page.getByText('Processor running').waitFor()
})

t.test('new tasks appear in the list and in the counts', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  await page.getByText('No tasks yet.').waitFor()
  await enqueueThree(dir)
  await rowOf(page, 'echo gamma').waitFor()
  t.equal(await page.getByRole('button', { name: /^Queued/ }).textContent(), 'Queued 1')
})

t.test('a status button filters the list, and the filter is in the address', async (t) => {
  const { dir, url } = await startHost(t)
  await enqueueThree(dir)
  const page = await openDashboard(t, browser, url)
  await rowOf(page, 'echo alpha').waitFor()
  await page.getByRole('button', { name: /^Failed/ }).click()
  await rowOf(page, 'echo alpha').waitFor({ state: 'detached' })
  t.equal(await page.getByRole('row').count(), 2)
  t.match(page.url(), /#\/\?status=failed$/)
  await page.getByRole('button', { name: 'Show all' }).click()
  await rowOf(page, 'echo alpha').waitFor()
})

t.test('the list is filtered by type and by words in any field', async (t) => {
  const { dir, url } = await startHost(t)
  await enqueueThree(dir)
  const page = await openDashboard(t, browser, url)
  await rowOf(page, 'echo alpha').waitFor()
  await page.getByLabel('Type').selectOption('deploy')
  await rowOf(page, 'echo alpha').waitFor({ state: 'detached' })
  await page.getByLabel('Find in commands').fill('NO SUCH beta')
  await rowOf(page, 'echo gamma').waitFor({ state: 'detached' })
  await page.getByText('1 of 3').waitFor()
})

t.test('a filter without matches stays after a reload', async (t) => {
  const { dir, url } = await startHost(t)
  await enqueueThree(dir)
  const page = await openDashboard(t, browser, url)
  await page.getByLabel('Find in commands').fill('nothing like that')
  await page.getByText('No matching tasks').waitFor()
  await page.reload()
  await page.getByText('No matching tasks').waitFor()
})

t.test('malformed tasks of other programs are listed', async (t) => {
  const { dir, url } = await startHost(t)
  for (const odd of [{ toString: 1 }, 5, null, ['a'], true]) await enqueue(dir, { command: odd, status: odd, type: odd, app: odd, createdAt: odd, errorMessage: odd, startedAt: odd })
  const page = await openDashboard(t, browser, url)
  await page.locator('[role=table][aria-rowcount="6"]').waitFor()
})

/** A list of 300 tasks, scrolled so that the row at the top is partly hidden. */
async function openScrolledList (page: Page, dir: string) {
  const firstCreatedAt = Date.now() - 3_600_000
  const add = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await enqueue(dir, { command: `echo number ${n}`, status: 'completed', createdAt: new Date(firstCreatedAt + n * 1000).toISOString() })
  }
  const untilRows = async (count: number) => await page.locator(`[role=table][aria-rowcount="${count + 1}"]`).waitFor()
  const scroller = page.locator('.scroller')
  await add(0, 300)
  await untilRows(300)
  return {
    add,
    untilRows,
    scrollTo: (top: number) => scroller.evaluate((element, top) => element.scrollTo({ top }), top),
    rowAtTop: async () => await scroller.evaluate((element) => {
      const { left, top } = element.getBoundingClientRect()
      const row = document.elementFromPoint(left + 20, top + 1)?.closest('.row')
      return [row?.querySelector('a')?.textContent, Math.round(row!.getBoundingClientRect().top - top)]
    })
  }
}

t.test('a scrolled list stays in place when tasks are added, and after returning from a task', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  const { add, untilRows, scrollTo, rowAtTop } = await openScrolledList(page, dir)
  await scrollTo(4210)
  await page.getByText('echo number 195').waitFor()
  const before = await rowAtTop()
  t.match(before, [/^echo number 199$/, -10])
  await add(300, 303)
  await untilRows(303)
  t.strictSame(await rowAtTop(), before)
  await page.getByText('echo number 195').click()
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await add(303, 305)
  await page.goBack()
  await untilRows(305)
  t.strictSame(await rowAtTop(), before)
})

t.test('a list at its top shows new tasks', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  const { add, scrollTo, rowAtTop } = await openScrolledList(page, dir)
  await scrollTo(4210)
  await page.getByText('echo number 195').waitFor()
  await scrollTo(0)
  await page.getByText('echo number 299').waitFor()
  await add(300, 301)
  await page.getByText('echo number 300').waitFor()
  t.strictSame(await rowAtTop(), ['echo number 300', 0])
})
