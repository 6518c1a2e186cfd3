import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { post } from '../../helpers.ts'
import { enqueue, readTaskOf, startProcessor, untilEnded } from '../../processor/fixtures.ts'
import { eventually, launchBrowser, openDashboard, rowOf, untilLogHas } from '../browser.ts'
import { startHost } from '../host.ts'

const browser = await launchBrowser(t)

t.test('a running task shows its output in the command\'s colours', async (t) => {
  const { dir, url } = await startHost(t)
  await startProcessor(t, dir)
  const id = await enqueue(dir, { command: 'printf \'\\033[31mred\\033[0m \\033[38;2;1;200;3mtrue\\033[0m https://example.org/x\\n\'; sleep 77' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.locator('.state').getByText('running').waitFor()
  await untilLogHas(page, 'red true https://example.org/x')
  const colourOf = (text: string) => page.locator('.xterm-rows span', { hasText: text }).first().evaluate((element) => getComputedStyle(element).color)
  t.equal(await colourOf('red'), 'rgb(207, 34, 46)')
  t.not(await colourOf('true'), await colourOf('https'), 'a colour beyond the palette')
})

t.test('cancelling a running task shows its exit code and duration', async (t) => {
  const { dir, url } = await startHost(t)
  await startProcessor(t, dir)
  const id = await enqueue(dir, { command: 'sleep 77' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.locator('.state').getByText('running').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('.state').getByText('cancelled').waitFor()
  await page.locator('.state').getByText('exit code 143').waitFor()
  await page.getByText(/^Ran \d/).waitFor()
})

t.test('running a task again opens the new task', async (t) => {
  const { dir, url } = await startHost(t)
  await startProcessor(t, dir)
  const id = await enqueue(dir, { command: 'sleep 77', status: 'cancelled' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.getByRole('button', { name: 'Run again' }).click()
  await page.locator('.state').getByText('running').waitFor()
  t.not(page.url(), `${url}#/tasks/${id}`)
})

t.test('deleting a running task asks for confirmation and returns to the list', async (t) => {
  const { dir, url } = await startHost(t)
  await startProcessor(t, dir)
  await enqueue(dir, { status: 'cancelled' })
  const id = await enqueue(dir, { command: 'sleep 77' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.locator('.state').getByText('running').waitFor()
  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('its command will be stopped').waitFor()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await rowOf(page, 'cancelled').waitFor()
  t.equal(await page.getByRole('row').count(), 2, 'the column headers and the other task')
})

t.test('a task with a malformed command shows its status and exit code', async (t) => {
  const { dir, url } = await startHost(t)
  const id = await enqueue(dir, { command: 5 })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.locator('.state').getByText('queued').waitFor()
  await enqueue(dir, { ...await readTaskOf(dir, id), status: 'failed', exitCode: 3 })
  await page.locator('.state').getByText('exit code 3').waitFor()
})

t.test('an unknown task is reported as not found', async (t) => {
  const { url } = await startHost(t)
  const page = await openDashboard(t, browser, `${url}#/tasks/task_1_gone`)
  await page.getByText('Task not found').waitFor()
})

t.test('two tabs share one connection, and each shows the changes made in the other', async (t) => {
  const { app, url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const [first, second] = [await context.newPage(), await context.newPage()]
  for (const page of [first, second]) {
    await page.goto(url)
    await page.getByText('Live', { exact: true }).waitFor()
  }
  t.equal((await app.tasks.health()).sseClients, 1)
  await post(`${url}api/tasks`, { command: 'echo up; sleep 78' })
  await rowOf(first, 'running').click()
  await first.getByRole('button', { name: 'Cancel' }).click()
  await rowOf(second, 'cancelled').waitFor()
  await first.close()
  await post(`${url}api/tasks`, { command: 'echo later' })
  await rowOf(second, 'echo later').waitFor()
})

t.test('status changes are announced to screen readers', async (t) => {
  const { url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const page = await openDashboard(t, browser, url)
  const go = join(dir, '..', 'go')
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; exit 4` })
  await page.getByRole('link', { name: 'echo up' }).click()
  await untilLogHas(page, 'up')
  await writeFile(go, '')
  await untilEnded(dir, id)
  await eventually(() => page.getByRole('log').textContent(), (text) => /failed, exit code/.test(text ?? ''), { what: 'the failure is announced' })
})
