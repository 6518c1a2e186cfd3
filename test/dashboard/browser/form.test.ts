import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { ReloadingPolicy } from '../../../lib/processor/policy/reloading-policy.ts'
import { enqueue, startProcessor } from '../../processor/fixtures.ts'
import { eventually, launchBrowser, openDashboard, rowOf, untilLogHas } from '../browser.ts'
import { startHost, type Host } from '../host.ts'

const browser = await launchBrowser(t)

const POLICY = {
  types: {
    deploy: {
      title: 'Deploy a site',
      argv: ['/bin/echo', '--', '{config.site}', '{config.tag}', '{config.count?}', '{config.dry?}', '{config.names?}'],
      config: {
        type: 'object',
        required: ['site', 'tag'],
        additionalProperties: false,
        properties: {
          site: { enum: ['shop', 'blog'], title: 'Site' },
          tag: { type: 'string', pattern: '^v[0-9.]{1,20}$', description: 'Such as v1.2' },
          count: { type: 'integer', minimum: 1 },
          dry: { type: 'boolean', title: 'Only try' },
          names: { type: 'array', items: { type: 'string' } }
        }
      }
    },
    shell: { shell: true }
  }
}

async function startHostWithPolicy (t: Test): Promise<Host> {
  const host = await startHost(t)
  const path = join(host.dir, '..', 'policy.json')
  await writeFile(path, JSON.stringify(POLICY))
  await startProcessor(t, host.dir, { policy: await ReloadingPolicy.load(path, { tasksDir: host.dir, logger: console }) })
  return host
}

async function fillInDeploy (page: Page): Promise<void> {
  await page.getByLabel('Site', { exact: true }).selectOption('blog')
  await page.getByLabel('tag').fill('v1.2')
  await page.getByLabel('count').fill('2')
  await page.getByLabel('Only try').check()
  await page.getByLabel('names').fill('one\ntwo words\n')
}

t.test('a missing command is reported, and its field gets the focus', async (t) => {
  const { url } = await startHost(t)
  const page = await openDashboard(t, browser, url)
  await page.getByRole('link', { name: 'New task' }).first().click()
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByText('Enter a command.').waitFor()
  await eventually(() => page.evaluate(() => document.activeElement?.id), (id) => id === 'field-command', { what: 'the command field is focused' })
})

t.test('creating a task opens it', async (t) => {
  const { dir, url } = await startHost(t)
  await startProcessor(t, dir)
  const page = await openDashboard(t, browser, `${url}#/new`)
  await page.getByLabel('Command').fill('echo created; sleep 77')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('.state').getByText('running').waitFor()
  await untilLogHas(page, 'created')
})

t.test('invalid values are reported at the fields of the published type', async (t) => {
  const { url } = await startHostWithPolicy(t)
  const page = await openDashboard(t, browser, `${url}#/new`)
  await page.getByLabel('tag').fill('latest')
  await page.getByLabel('count').pressSequentially('1e')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByText('Enter a number.').waitFor()
  await page.getByLabel('count').fill('0')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByText('Required.').waitFor()
  const messageAt = async (label: string) => {
    const field = page.getByLabel(label, { exact: true })
    t.equal(await field.getAttribute('aria-invalid'), 'true', label)
    return await page.locator(`[id="${await field.getAttribute('aria-describedby')}"]`).textContent()
  }
  t.equal(await messageAt('Site'), 'Required.')
  t.match(await messageAt('tag'), /pattern/i)
  t.match(await messageAt('count (optional)'), /1/)
})

t.test('the fields of a published type become the config of the task', async (t) => {
  const { url } = await startHostWithPolicy(t)
  const page = await openDashboard(t, browser, `${url}#/new`)
  await fillInDeploy(page)
  await page.getByRole('button', { name: 'Create' }).click()
  await untilLogHas(page, 'blog v1.2 2 true ["one","two words"]')
})

t.test('editing a task fills in the form, and another type can be selected', async (t) => {
  const { url } = await startHostWithPolicy(t)
  const page = await openDashboard(t, browser, `${url}#/new`)
  await fillInDeploy(page)
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('link', { name: 'Edit and run' }).click()
  await eventually(() => page.getByLabel('tag').inputValue(), (tag) => tag === 'v1.2', { what: 'the form contains the tag' })
  await page.getByLabel('Type').selectOption('shell')
  await page.getByLabel('Command').fill('echo from the shell')
  await page.keyboard.press('Control+Enter')
  await untilLogHas(page, 'from the shell')
})

/** A form whose type has a text field and a list. */
async function openTaggedForm (t: Test): Promise<Page> {
  const { dir, url } = await startHost(t)
  const properties = { tag: { type: 'string' }, names: { type: 'array', items: { type: 'string', pattern: '^a' } } }
  await writeFile(join(dir, '.processor.json'), JSON.stringify({ version: 1, types: [{ name: 'tagged', config: { type: 'object', properties } }], anyType: true }))
  const id = await enqueue(dir, { command: 5, status: 'failed' })
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.getByRole('link', { name: 'Edit and run' }).click()
  await page.getByLabel('Type').selectOption('tagged')
  return page
}

t.test('polling the types keeps what was typed', async (t) => {
  const page = await openTaggedForm(t)
  await page.locator('#config-tag').fill('typed')
  // twice: the page has handled the first response when it sends the second request
  for (let poll = 0; poll < 2; poll++) {
    const response = page.waitForResponse(/_meta\/types/, { timeout: 20_000 })
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await response
  }
  t.equal(await page.locator('#config-tag').inputValue(), 'typed')
})

t.test('an invalid item of a list is reported at the list', async (t) => {
  const page = await openTaggedForm(t)
  await page.getByLabel('names').fill('b')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('.lines small').getByText(/pattern/).waitFor()
})

t.test('submitting repeatedly creates one task', async (t) => {
  const page = await openTaggedForm(t)
  await page.getByLabel('Label').focus()
  await Promise.all(['Control+Enter', 'Control+Enter', 'Control+Enter'].map((key) => page.keyboard.press(key)))
  await page.locator('.state').getByText('queued').waitFor()
  await page.keyboard.press('Escape')
  await rowOf(page, 'tagged').waitFor()
  t.equal(await rowOf(page, 'tagged').count(), 1)
})
