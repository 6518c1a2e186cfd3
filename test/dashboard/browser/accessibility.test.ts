import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { enqueue } from '../../processor/fixtures.ts'
import { launchBrowser, openDashboard, rowOf, untilLogHas } from '../browser.ts'
import { startHost } from '../host.ts'

const browser = await launchBrowser(t)
const axe = await readFile(join(import.meta.dirname, '../../../node_modules/axe-core/axe.min.js'), 'utf8')

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`the page passes axe's accessibility checks in the ${colorScheme} colour scheme`, async (t) => {
    const { url, dir } = await startHost(t)
    const id = await enqueue(dir, { command: 'echo \'red\'', status: 'failed', startedAt: new Date().toISOString(), completedAt: new Date().toISOString(), exitCode: 3, errorMessage: 'Exited with code 3.' })
    for (const status of ['queued', 'running', 'completed', 'cancelled']) await enqueue(dir, { status })
    await writeFile(join(dir, `${id}.log`), '\u001b[31mred\u001b[0m and \u001b[33myellow\u001b[0m\n')
    // colours during an animation are not those that are checked
    const page = await openDashboard(t, browser, url, { colorScheme, reducedMotion: 'reduce' })
    const check = async (what: string) => {
      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => (globalThis as any).axe.run())
      t.strictSame(violations.map(({ id, nodes }: any) => [id, nodes.map(({ html, failureSummary }: any) => [html.slice(0, 200), failureSummary])]), [], what)
    }
    await rowOf(page, 'running').waitFor()
    await check('list')
    await page.goto(`${url}#/tasks/${id}`)
    await untilLogHas(page, 'yellow')
    await check('task')
    await page.getByRole('button', { name: 'Delete' }).click()
    await check('dialog')
    await page.keyboard.press('Escape')
    await page.goto(`${url}#/new`)
    await page.getByRole('button', { name: 'Create' }).click()
    await page.getByText('Enter a command.').waitFor()
    await check('form')
  })
}

t.test('every page fits the width of a phone', async (t) => {
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { command: `echo ${'long '.repeat(60)}`, status: 'completed', exitCode: 0 })
  await writeFile(join(dir, `${id}.log`), `${'wide '.repeat(80)}\n`)
  const page = await openDashboard(t, browser, url, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true })
  const fits = async () => await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
  await rowOf(page, 'echo long').waitFor()
  t.ok(await fits(), 'the list')
  await rowOf(page, 'echo long').tap()
  await untilLogHas(page, 'wide')
  t.ok(await fits(), 'the task')
  await page.goto(`${url}#/new`)
  await page.getByLabel('Command').waitFor()
  t.ok(await fits(), 'the form')
})
