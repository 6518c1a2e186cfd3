import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import helmet from '@fastify/helmet'
import t, { type Test } from 'tap'
import { enqueue } from '../../processor/fixtures.ts'
import { launchBrowser, openDashboard, rowOf, untilLogHas } from '../browser.ts'
import { startHost, type Host } from '../host.ts'
import { startStrippingProxy } from '../stripping-proxy.ts'

const browser = await launchBrowser(t)

async function startEmbeddingHost (t: Test): Promise<Host> {
  return await startHost(t, {
    before: (app) => app.register(helmet),
    tasks: { prefix: '/deep/api' },
    dashboard: { prefix: '/deep/down', api: '../api', title: 'Works & <more>' }
  })
}

t.test('the page works below a prefix, with a relative API address and @fastify/helmet', async (t) => {
  const { url, dir } = await startEmbeddingHost(t)
  await enqueue(dir, { command: 'echo there', status: 'completed' })
  const page = await openDashboard(t, browser, url.replace(/\/$/, ''))
  t.equal(page.url(), url, 'redirected to the address with a slash')
  await rowOf(page, 'echo there').click()
  await page.getByText('No output.').waitFor()
})

t.test('the page has the host\'s title', async (t) => {
  const { url } = await startEmbeddingHost(t)
  const page = await openDashboard(t, browser, url)
  t.equal(await page.title(), 'Works & <more>')
})

t.test('the page\'s policy replaces the one of @fastify/helmet', async (t) => {
  const { url } = await startEmbeddingHost(t)
  const { headers } = await fetch(url)
  t.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'self';/)
})

for (const [prefix, path, api] of [
  ['/tasks', 'tasks', undefined],
  ['/', '', undefined],
  ['/:tenant/tasks', 'acme/tasks/?a=b/c', '/api/tasks/']
] as const) {
  t.test(`the page works behind a proxy that strips a path prefix: prefix ${prefix}, opened at ${path}`, async (t) => {
    const proxy = await startStrippingProxy(t)
    const { app, dir } = await startHost(t, { dashboard: { prefix, ...(api !== undefined && { api }) } })
    proxy.forwardTo(app.listeningOrigin)
    await usePage(t, { dir, url: `${proxy.url}${path}` })
    t.strictSame(proxy.strays, [])
  })
}

t.test('the page behind a proxy uses the API at a URL', async (t) => {
  const proxy = await startStrippingProxy(t)
  const { app, dir } = await startHost(t, { dashboard: { prefix: '/tasks', api: `${proxy.url}api/tasks` } })
  proxy.forwardTo(app.listeningOrigin)
  await usePage(t, { dir, url: `${proxy.url}tasks/` })
  t.strictSame(proxy.strays, [])
})

/** Uses the page's files, its worker, the API and the log. */
async function usePage (t: Test, { dir, url }: { dir: string, url: string }): Promise<void> {
  const id = await enqueue(dir, { command: 'echo there', status: 'running', startedAt: new Date().toISOString() })
  await writeFile(join(dir, `${id}.log`), 'some output\n')
  const page = await openDashboard(t, browser, url)
  await page.getByText('Live', { exact: true }).waitFor()
  await rowOf(page, 'echo there').click()
  await untilLogHas(page, 'some output')
  await enqueue(dir, { command: 'echo later' })
  await page.getByRole('button', { name: 'Tasks' }).click()
  await rowOf(page, 'echo later').waitFor()
  await page.getByRole('link', { name: 'New task' }).click()
  await page.getByLabel('Command', { exact: true }).fill('echo created')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('.state').getByText('queued').waitFor()
}
