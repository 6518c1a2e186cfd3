import helmet from '@fastify/helmet'
import t, { type Test } from 'tap'
import { enqueue } from '../../processor/fixtures.ts'
import { launchBrowser, openDashboard, rowOf } from '../browser.ts'
import { startHost, type Host } from '../host.ts'

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
