import t, { type Test } from 'tap'
import { enqueue } from '../../processor/fixtures.ts'
import { eventually, launchBrowser, openDashboard, openPage, rowOf } from '../browser.ts'
import { startFakeApi } from '../fake-api.ts'
import { startHost } from '../host.ts'

const browser = await launchBrowser(t)

const nestedText = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

/** A task of a server other than ours, nested to a depth in its config and in a custom field, as JSON text. */
function deepTask (id: string, depth: number, fields: object = {}): string {
  const text = JSON.stringify({ id, command: `echo ${id}`, type: 'build', app: null, status: 'failed', createdAt: '2026-01-01T00:00:00.000Z', startedAt: null, completedAt: null, exitCode: 1, errorMessage: null, ...fields })
  return `${text.slice(0, -1)},"config":${nestedText(depth)},"custom":${nestedText(depth)}}`
}

for (const depth of [2400, 10_000]) {
  t.test(`a list with values nested ${depth} levels deep is shown, and stays live`, async (t) => {
    const api = await startFakeApi(t, (id) => deepTask(id, depth), ['task_1_a', 'task_2_b'])
    const page = await openDashboard(t, browser, api.url)
    await rowOf(page, 'echo task_1_a').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    api.emit('task.upsert', deepTask('task_3_deep', depth))
    api.emit('task.upsert', deepTask('task_4_text', 1, { command: 'echo later' }))
    await rowOf(page, 'echo later').waitFor()
    await rowOf(page, 'echo task_3_deep').waitFor()
    await page.getByLabel('Find in commands').fill('task_1_a')
    await page.getByText('1 of 4').waitFor()
  })

  t.test(`a task whose fields are nested ${depth} levels deep is listed`, async (t) => {
    const api = await startFakeApi(t, (id) => deepTask(id, 1).replace(`"echo ${id}"`, nestedText(depth)), ['task_1_a'])
    api.tasks.set('task_2_b', deepTask('task_2_b', 1))
    const page = await openDashboard(t, browser, api.url)
    await rowOf(page, 'echo task_2_b').waitFor()
    await rowOf(page, '[[[[[').waitFor()
  })

  t.test(`a task with a config nested ${depth} levels deep can be viewed, copied into the form and run again`, async (t) => {
    const api = await startFakeApi(t, (id) => deepTask(id, depth), ['task_1_a'])
    const page = await openDashboard(t, browser, `${api.url}#/tasks/task_1_a`)
    await page.getByText('All fields').click()
    await page.locator('dd', { hasText: '[[[[' }).first().waitFor()
    await page.getByRole('link', { name: 'Edit and run' }).click()
    t.equal(await page.getByLabel('Config').inputValue(), nestedText(depth))
    await page.goBack()
    await page.getByRole('button', { name: 'Run again' }).click()
    // the browser may refuse to encode the deeper one
    const refused = page.getByText('The config is nested too deeply for this browser.')
    await eventually(async () => await refused.count() + api.created.length, (count) => count > 0, { what: 'the task was created or refused' })
    for (const body of api.created) t.match(body, nestedText(depth))
  })
}

t.test('tasks of any content are listed', async (t) => {
  const odd = (value: unknown) => ({ command: value, status: value, type: value, app: value, createdAt: value, startedAt: value, completedAt: value, errorMessage: value, exitCode: value })
  const api = await startFakeApi(t, (id) => deepTask(id, 1, odd({ toString: id })), ['task_1_a'])
  for (const [n, value] of [5, null, ['a'], true, 'x'.repeat(1_000_000)].entries()) api.tasks.set(`task_${10 + n}_b`, deepTask(`task_${10 + n}_b`, 1, odd(value)))
  const page = await openDashboard(t, browser, api.url)
  await page.locator('[role=table][aria-rowcount="7"]').waitFor()
  await rowOf(page, '{"toString":"task_1_a"}').click()
  await page.locator('h1', { hasText: '{"toString":"task_1_a"}' }).waitFor()
})

/** A list with one task, before a page of it is opened. */
async function startHostWithTask (t: Test) {
  const host = await startHost(t)
  await enqueue(host.dir, { command: 'echo first', status: 'completed' })
  return host
}

t.test('a page that fails to show a change lists again', async (t) => {
  const { url, dir } = await startHostWithTask(t)
  const { page } = await openPage(t, browser, 'about:blank')
  await page.addInitScript(() => {
    const { parse } = JSON
    let failures = 0
    JSON.parse = (text: string) => {
      if (text.includes('bomb') && failures++ === 0) throw new RangeError('test: cannot be read')
      return parse(text)
    }
  })
  await page.goto(url)
  await page.getByText('Live', { exact: true }).waitFor()
  await enqueue(dir, { command: 'echo bomb' })
  await rowOf(page, 'echo bomb').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
})

t.test('a page that cannot show the list says so, is not live, and can list again', async (t) => {
  const { url, dir } = await startHostWithTask(t)
  const { page } = await openPage(t, browser, 'about:blank')
  await page.addInitScript(() => {
    const { parse } = JSON
    JSON.parse = (text: string) => {
      if (text.includes('bomb') && !('isRepaired' in window)) throw new RangeError('test: cannot be read')
      return parse(text)
    }
  })
  await page.goto(url)
  await page.getByText('Live', { exact: true }).waitFor()
  await enqueue(dir, { command: 'echo bomb' })
  await page.getByText('The tasks cannot be loaded: test: cannot be read').waitFor()
  await enqueue(dir, { command: 'echo another' })
  t.equal(await page.getByText('Live', { exact: true }).count(), 0)
  await rowOf(page, 'echo first').waitFor()
  await page.evaluate(() => Object.assign(window, { isRepaired: true }))
  await page.getByRole('button', { name: 'Try again' }).click()
  await rowOf(page, 'echo another').waitFor()
  await rowOf(page, 'echo bomb').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
})

t.test('a page to which a change could not be sent lists again', async (t) => {
  const { url, dir } = await startHostWithTask(t)
  const { page } = await openPage(t, browser, 'about:blank')
  // without a SharedWorker, the feed's host runs in the page
  await page.addInitScript(() => {
    Reflect.deleteProperty(window, 'SharedWorker')
    const { postMessage } = MessagePort.prototype
    let failures = 0
    MessagePort.prototype.postMessage = function (this: MessagePort, message: { type: string }) {
      if (message.type === 'changes' && failures++ === 0) throw new DOMException('test: cannot be cloned', 'DataCloneError')
      postMessage.call(this, message)
    }
  })
  await page.goto(url)
  await page.getByText('Live', { exact: true }).waitFor()
  await enqueue(dir, { command: 'echo lost' })
  await rowOf(page, 'echo lost').waitFor()
  await enqueue(dir, { command: 'echo next' })
  await rowOf(page, 'echo next').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
})

t.test('a server that does not know summaries is reported', async (t) => {
  const { url } = await startHost(t, {
    tasks: {
      onRequest: async ({ query }, reply) => {
        if ((query as { summary?: string }).summary !== undefined) return await reply.code(400).send({ statusCode: 400, code: 'FST_TASKS_VALIDATION', error: 'Bad Request', message: 'summary is not a parameter.' })
      }
    }
  })
  const page = await openDashboard(t, browser, url)
  await page.getByText('The tasks cannot be loaded: summary is not a parameter. The server may be of an older version than this page.').waitFor()
})

t.test('the page lists summaries, and loads a whole task only to show or copy its fields', async (t) => {
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { command: 'echo whole', status: 'completed', config: { secret: 42 }, custom: 'kept' })
  const { page } = await openPage(t, browser, 'about:blank')
  const requests: string[] = []
  page.context().on('request', (request) => requests.push(new URL(request.url()).pathname + new URL(request.url()).search))
  await page.goto(url)
  await rowOf(page, 'echo whole').click()
  await page.getByText('No output.').waitFor()
  t.notOk(requests.includes('/api/tasks') || requests.includes(`/api/tasks/${id}`), requests.join(' '))
  await page.getByText('All fields').click()
  await page.locator('dd', { hasText: '"secret": 42' }).waitFor()
  await page.locator('dd', { hasText: 'kept' }).waitFor()
  await page.getByRole('button', { name: 'Run again' }).click()
  await page.locator('.state').getByText('queued').waitFor()
  await page.getByText('All fields').click()
  await page.locator('dd', { hasText: '"secret": 42' }).waitFor()
})
