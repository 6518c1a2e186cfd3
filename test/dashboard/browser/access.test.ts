import t from 'tap'
import { enqueue, readTaskOf } from '../../processor/fixtures.ts'
import { launchBrowser, openDashboard } from '../browser.ts'
import { loginRequired, startHost } from '../host.ts'

const browser = await launchBrowser(t)

t.test('a user can retry after logging in', async (t) => {
  const { login, tasks } = loginRequired()
  const { url } = await startHost(t, { tasks })
  login.isLoggedIn = false
  const page = await openDashboard(t, browser, url)
  await page.getByText('You are not logged in').waitFor()
  login.isLoggedIn = true
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('No tasks yet.').waitFor()
  await page.getByText('You are not logged in').waitFor({ state: 'detached' })
})

t.test('a forbidden action is reported and changes nothing', async (t) => {
  const { dir, url } = await startHost(t, {
    tasks: {
      onRequest: async ({ routeOptions }, reply) => {
        if (routeOptions.config.tasks?.action !== 'cancel') return
        return await reply.code(403).send({ statusCode: 403, code: 'HOST_NO', error: 'Forbidden', message: 'No.' })
      }
    }
  })
  const id = await enqueue(dir)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('You do not have permission to do that.').waitFor()
  t.match(await readTaskOf(dir, id), { status: 'queued' })
})

t.test('a read-only view has no actions', async (t) => {
  const { dir, url } = await startHost(t, { tasks: { readOnly: true } })
  const id = await enqueue(dir, { status: 'failed', exitCode: 3 })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.getByText('Read-only view.').waitFor()
  t.equal(await page.getByRole('button', { name: 'Delete' }).count(), 0)
  t.equal(await page.getByRole('link', { name: 'New task' }).count(), 0)
})
