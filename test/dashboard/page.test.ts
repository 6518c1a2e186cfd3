import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import cookieHost from '@fastify/helmet'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { ReloadingPolicy } from '../../lib/processor/policy/reloading-policy.ts'
import { post, waitFor } from '../helpers.ts'
import { enqueue, readTaskOf, startProcessor, untilEnded } from '../processor/fixtures.ts'
import { copyLog, launchBrowser, openPage, untilLogHas } from './browser.ts'
import { startHost } from './host.ts'

const browser = await launchBrowser(t)

async function open (t: Test, url: string, options = {}): Promise<Page> {
  const { page, errors } = await openPage(t, browser, url, options)
  t.teardown(() => { if (errors.length > 0) throw new Error(`in the page: ${errors.join('\n')}`) })
  return page
}

const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text })

t.test('create, see it run, its output in colour, cancel, run again, delete', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await open(t, url)
  await page.getByText('No tasks yet.').waitFor()
  await page.getByText('No processor is running').waitFor()
  await startProcessor(t, dir)
  await page.getByText('processor runs').waitFor()

  await page.getByRole('link', { name: 'New task' }).first().click()
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByText('Enter a command.').waitFor()
  t.equal(await page.evaluate(() => document.activeElement?.id), 'field-command', 'where something is missing')
  await page.getByLabel('Command').fill('printf \'\\033[31mred\\033[0m \\033[38;2;1;200;3mtrue\\033[0m https://example.org/x\\n\'; sleep 77')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('.state').getByText('running').waitFor()
  await untilLogHas(page, 'red true https://example.org/x')
  const colour = (text: string) => page.locator('.xterm-rows span', { hasText: text }).first().evaluate((element) => getComputedStyle(element).color)
  t.equal(await colour('red'), 'rgb(207, 34, 46)')
  t.not(await colour('true'), await colour('https'), 'also beyond the palette')

  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('.state').getByText('cancelled').waitFor()
  await page.locator('.state').getByText('exit code 143').waitFor()
  await page.getByText(/^ran \d/).waitFor()
  await page.getByRole('button', { name: 'Run again' }).click()
  await page.locator('.state').getByText('running').waitFor()
  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('its command will be stopped').waitFor()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await row(page, 'cancelled').waitFor()
  t.equal(await page.getByRole('row').count(), 2, 'the head, and the first one')
})

t.test('the list: live, counted, filtered by status, type and text', async (t) => {
  const { dir, url } = await startHost(t)
  const page = await open(t, url)
  await page.getByText('No tasks yet.').waitFor()
  await enqueue(dir, { command: 'echo alpha', type: 'build', app: 'shop' })
  await enqueue(dir, { command: 'echo beta', type: 'deploy', status: 'failed', exitCode: 3, errorMessage: 'No such file' })
  await enqueue(dir, { command: 'echo gamma', type: 'deploy', status: 'paused' })
  await row(page, 'echo gamma').waitFor()
  t.equal(await page.getByRole('button', { name: /^queued/ }).textContent(), 'queued 1')
  await page.getByRole('button', { name: /^failed/ }).click()
  await row(page, 'echo alpha').waitFor({ state: 'detached' })
  t.equal(await page.getByRole('row').count(), 2)
  t.match(page.url(), /#\/\?status=failed$/, 'which can be linked to')
  await page.getByRole('button', { name: 'show all' }).click()
  await page.getByLabel('Type').selectOption('deploy')
  await row(page, 'echo alpha').waitFor({ state: 'detached' })
  await page.getByLabel('Find in commands').fill('NO SUCH beta')
  await row(page, 'echo gamma').waitFor({ state: 'detached' })
  await page.getByText('1 of 3').waitFor()
  await page.getByLabel('Find in commands').fill('nothing like that')
  await page.getByText('No matching tasks').waitFor()
  await page.reload()
  await page.getByText('No matching tasks').waitFor()
})

t.test('a list that is scrolled stays where it is, whatever comes, and is found there again', async (t) => {
  const { dir, url } = await startHost(t)
  const began = Date.now() - 3_600_000
  const add = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await enqueue(dir, { command: `echo number ${n}`, status: 'completed', createdAt: new Date(began + n * 1000).toISOString() })
  }
  await add(0, 300)
  const page = await open(t, url)
  const rows = async (count: number) => await page.locator(`[role=table][aria-rowcount="${count + 1}"]`).waitFor()
  await rows(300)
  const scroller = page.locator('.scroller')
  const scrollTo = (top: number) => scroller.evaluate((element, top) => element.scrollTo({ top }), top)
  const atTop = async () => await scroller.evaluate((element) => {
    const { left, top } = element.getBoundingClientRect()
    const row = document.elementFromPoint(left + 20, top + 1)?.closest('.row')
    return [row?.querySelector('a')?.textContent, Math.round(row!.getBoundingClientRect().top - top)]
  })
  await scrollTo(4210)
  await page.getByText('echo number 195').waitFor()
  const there = await atTop()
  t.match(there, [/^echo number 199$/, -10])
  await add(300, 303)
  await rows(303)
  t.strictSame(await atTop(), there)
  await page.getByText('echo number 195').click()
  await page.getByRole('button', { name: 'Run again' }).waitFor()
  await add(303, 305)
  await page.goBack()
  await rows(305)
  t.strictSame(await atTop(), there)
  await scrollTo(0)
  await page.getByText('echo number 304').waitFor()
  await add(305, 306)
  await page.getByText('echo number 305').waitFor()
  t.strictSame(await atTop(), ['echo number 305', 0], 'who looks at the newest sees what comes')
})

t.test('the form: fields from the types that the processor told, with what is wrong at the fields', async (t) => {
  const { dir, url } = await startHost(t)
  const path = join(dir, '..', 'policy.json')
  await writeFile(path, JSON.stringify({
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
  }))
  await startProcessor(t, dir, { policy: await ReloadingPolicy.load(path, { tasksDir: dir, logger: console }) })
  const page = await open(t, `${url}#/new`)
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
  await page.getByLabel('Site', { exact: true }).selectOption('blog')
  await page.getByLabel('tag').fill('v1.2')
  await page.getByLabel('count').fill('2')
  await page.getByLabel('Only try').check()
  await page.getByLabel('names').fill('one\ntwo words\n')
  await page.getByRole('button', { name: 'Create' }).click()
  await untilLogHas(page, 'blog v1.2 2 true ["one","two words"]')
  await page.getByRole('link', { name: 'Edit and run' }).click()
  await waitFor(async () => await page.getByLabel('tag').inputValue() === 'v1.2')
  await page.getByLabel('Type').selectOption('shell')
  await page.getByLabel('Command').fill('echo from the shell')
  await page.keyboard.press('Control+Enter')
  await untilLogHas(page, 'from the shell')
})

t.test('a log with progress lines, progress told to terminals, and a search through all of it', async (t) => {
  const { dir, url } = await startHost(t)
  const id = await enqueue(dir, { status: 'running', startedAt: new Date().toISOString() })
  const log = join(dir, `${id}.log`)
  const lines = Array.from({ length: 100_000 }, (_, n) => `line ${n} of the log\n`)
  await writeFile(log, `${lines.join('')}10 %\r20 %\r30 %\u001b]9;4;1;30\u0007`)
  const page = await open(t, `${url}#/tasks/${id}`)
  const shown = await untilLogHas(page, '30 %')
  t.notMatch(shown, '10 %', 'which is written over')
  t.ok(shown.length < 1_000_000, 'only its end is loaded')
  t.equal(await page.getByRole('progressbar', { name: 'Progress of the command' }).getAttribute('value'), '30')
  await page.getByLabel('Find in the whole log').fill('LINE 4711 ')
  await page.keyboard.press('Enter')
  await page.getByText('1 line', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'line 4711 of' }).click()
  await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor()
  await page.locator('.xterm-rows', { hasText: 'line 4711 of the log' }).waitFor()
  await page.getByRole('button', { name: 'Link to the line' }).click()
  let at = NaN
  await waitFor(() => !Number.isNaN(at = Number(/\?at=(\d+)$/.exec(page.url())?.[1])))
  t.equal(lines.join('').slice(at).split('\n', 1)[0], 'line 4708 of the log', 'the byte offset of the line at the top')
  await page.reload()
  await page.locator('.xterm-rows', { hasText: 'line 4711 of the log' }).waitFor()
  t.match(await page.locator('.xterm-rows > div').first().textContent(), /^line 4708 /)
  await page.getByRole('button', { name: 'Beginning of the log' }).click()
  await page.locator('.xterm-rows', { hasText: 'line 0 of the log' }).waitFor()
  await page.getByRole('button', { name: 'End of the log' }).click()
  await untilLogHas(page, '30 %')
  await writeFile(log, 'written anew\n')
  await untilLogHas(page, 'written anew')
  t.equal((await copyLog(page)).trim(), 'written anew')
})

t.test('a log is scrolled back through, from its end to its beginning, without a gap', async (t) => {
  const { dir, url } = await startHost(t)
  const id = await enqueue(dir, { status: 'completed' })
  const count = 12_000
  await writeFile(join(dir, `${id}.log`), Array.from({ length: count }, (_, n) => `line ${n} ${'x'.repeat(n % 50)}\n`).join(''))
  const page = await open(t, `${url}#/tasks/${id}`)
  await untilLogHas(page, `line ${count - 1} `)
  const shown = async () => await page.locator('.terminal[aria-busy=false] .xterm-rows > div').allTextContents()
  const numberOf = (line = '') => Number(/^line (\d+) /.exec(line)?.[1] ?? NaN)
  let [top, turns] = [Infinity, 0]
  for (; top > 0 && turns < 1000; turns++) {
    const lines = await shown()
    const first = numberOf(lines[0])
    if (Number.isNaN(first)) continue
    for (const [index, line] of lines.entries()) if (line.trim() !== '' && numberOf(line) !== first + index) t.fail(`${line} stands ${index} lines below ${first}`)
    top = first
    // it goes nowhere while more is loaded
    await page.keyboard.press('PageUp')
  }
  t.equal(top, 0)
  const copied = await copyLog(page)
  t.ok(copied.startsWith('line 0 '))
  t.notOk(copied.includes(`line ${count - 1} `), 'not all of it is held')
})

t.test('whoever was not following comes to what has come meanwhile, and from there back, without a gap', async (t) => {
  const { app, dir, url } = await startHost(t)
  const id = await enqueue(dir, { status: 'running', startedAt: new Date().toISOString() })
  const log = join(dir, `${id}.log`)
  const line = (n: number) => `line ${n} ${'x'.repeat(n % 50)}\n`
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => line(from + n)).join('')
  await writeFile(log, lines(0, 100))
  const page = await open(t, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'line 99 ')
  // more than the terminal keeps
  for (let n = 100; n < 12_100; n += 2000) {
    await appendFile(log, lines(n, n + 2000))
    await untilLogHas(page, `line ${n + 1999} `)
  }
  const top = async () => Number(/^line (\d+) /.exec(await page.locator('.terminal[aria-busy=false] .xterm-rows > div').first().textContent() ?? '')?.[1] ?? NaN)
  const until = async (key: string, holds: (top: number) => boolean) => {
    let before = await top()
    for (let turns = 0; turns < 1500 && !holds(before); turns++) {
      await page.keyboard.press(key)
      const now = await top()
      if (Number.isNaN(now)) continue
      // on a slow machine, several presses are drawn at once
      if (Math.abs(now - before) > 1000) t.fail(`${key} went from ${before} to ${now}`)
      before = now
    }
    t.ok(holds(before), `${key} came to ${before}`)
  }
  await until('PageUp', (top) => top < 1900)
  const reached = await top()
  t.ok(reached > 500, `not to the beginning, but to ${reached}`)
  await appendFile(log, lines(12_100, 12_200))
  await until('PageDown', (top) => top > 12_100)
  await untilLogHas(page, 'line 12199 ')
  const follows = page.getByRole('button', { name: 'Follow', pressed: true })
  for (let turns = 0; turns < 200 && await follows.count() === 0; turns++) await page.keyboard.press('PageDown')
  await follows.waitFor()
  await appendFile(log, 'and live again\n')
  await untilLogHas(page, 'and live again')
  await waitFor(async () => (await app.tasks.health()).sseClients === 2)
})

t.test('a row that stands for much: very long lines, and progress that is written over and over', async (t) => {
  const { dir, url } = await startHost(t)
  const [long, over] = [await enqueue(dir, { status: 'completed' }), await enqueue(dir, { status: 'completed' })]
  await writeFile(join(dir, `${long}.log`), `begin ${'0123456789'.repeat(120_000)} end\n`)
  await writeFile(join(dir, `${over}.log`), `begin\n${Array.from({ length: 30_000 }, (_, n) => `at ${n} of 30000 parts\r`).join('')}\nlast\n`)
  const page = await open(t, `${url}#/tasks/${long}?at=0`)
  const rows = page.locator('.terminal[aria-busy=false] .xterm-rows')
  await rows.filter({ hasText: 'begin' }).waitFor()
  const press = async (key: string, text: string) => {
    for (let turns = 0; turns < 1000 && !(await rows.allTextContents()).join('').includes(text); turns++) await page.keyboard.press(key)
    t.ok((await rows.allTextContents()).join('').includes(text), `${key}: ${text}`)
  }
  await press('PageDown', ' end')
  await page.goto(`${url}#/tasks/${over}`)
  await rows.filter({ hasText: 'last' }).waitFor()
  await press('PageUp', 'begin')
  await press('PageDown', 'last')
})

t.test('what is asked of a terminal does nothing to the viewer', async (t) => {
  const { dir, url } = await startHost(t)
  const id = await enqueue(dir, { status: 'completed' })
  await writeFile(join(dir, `${id}.log`), `first\n\u001b[?1049h\u001b[?1003h\u001b[20l${Array.from({ length: 200 }, (_, n) => `line ${n}\n`).join('')}`)
  const page = await open(t, `${url}#/tasks/${id}`)
  const shown = await untilLogHas(page, 'line 199')
  t.ok(shown.startsWith('first\nline 0\nline 1\n'))
})

t.test('a log goes on after the login has ended and begun again', async (t) => {
  let allowed = true
  const { app, dir, url } = await startHost(t, {
    tasks: {
      onRequest: async (_request, reply) => {
        if (!allowed) return await reply.code(401).send({ statusCode: 401, code: 'HOST_LOGIN', error: 'Unauthorized', message: 'Log in.' })
      }
    }
  })
  const id = await enqueue(dir, { status: 'running', startedAt: new Date().toISOString() })
  await writeFile(join(dir, `${id}.log`), 'before\n')
  const page = await open(t, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'before')
  allowed = false
  app.server.closeAllConnections()
  await page.locator('.log').getByText('You are not logged in').waitFor()
  await appendFile(join(dir, `${id}.log`), 'meanwhile\n')
  allowed = true
  await page.locator('.log').getByRole('button', { name: 'Try again' }).click()
  await untilLogHas(page, 'before\nmeanwhile')
})

t.test('files that hold anything do not end the page; what is typed stays; one wish is one task', async (t) => {
  const { dir, url } = await startHost(t)
  for (const odd of [{ toString: 1 }, 5, null, ['a'], true]) await enqueue(dir, { command: odd, status: odd, type: odd, app: odd, createdAt: odd, errorMessage: odd, startedAt: odd })
  const five = await enqueue(dir, { command: 5 })
  await writeFile(join(dir, '.processor.json'), JSON.stringify({ version: 1, types: [{ name: 'tagged', config: { type: 'object', properties: { tag: { type: 'string' }, names: { type: 'array', items: { type: 'string', pattern: '^a' } } } } }], anyType: true }))
  const page = await open(t, url)
  await row(page, 'toString').waitFor()
  await page.goto(`${url}#/tasks/${five}`)
  await page.locator('.state').getByText('queued').waitFor()
  await enqueue(dir, { ...await readTaskOf(dir, five), status: 'failed', exitCode: 3 })
  await page.locator('.state').getByText('exit code 3').waitFor()
  await page.getByRole('link', { name: 'Edit and run' }).click()
  await page.getByLabel('Type').selectOption('tagged')
  await page.locator('#config-tag').fill('typed')
  // the types are asked for every 5 s
  await page.waitForResponse(/_meta\/types/, { timeout: 20_000 })
  await page.waitForTimeout(100)
  t.equal(await page.locator('#config-tag').inputValue(), 'typed')
  await page.getByLabel('names').fill('b')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('.lines small').getByText(/pattern/).waitFor()
  await page.getByLabel('names').fill('a')
  await page.getByLabel('Label').focus()
  await Promise.all(['Control+Enter', 'Control+Enter', 'Control+Enter'].map((key) => page.keyboard.press(key)))
  await page.locator('.state').getByText('queued').waitFor()
  await page.keyboard.press('Escape')
  await row(page, 'tagged').waitFor()
  t.equal(await row(page, 'tagged').count(), 1)
})

t.test('shows messages for 401, 403, read-only and missing tasks', async (t) => {
  let allowed = true
  const denied = await startHost(t, {
    tasks: {
      onRequest: async (_request, reply) => {
        if (!allowed) return await reply.code(401).send({ statusCode: 401, code: 'HOST_LOGIN', error: 'Unauthorized', message: 'Log in.' })
      }
    }
  })
  allowed = false
  const page = await open(t, denied.url)
  await page.getByText('You are not logged in').waitFor()
  allowed = true
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('No tasks yet.').waitFor()
  await page.getByText('You are not logged in').waitFor({ state: 'detached' })

  const forbidding = await startHost(t, {
    tasks: {
      onRequest: async ({ routeOptions }, reply) => {
        if (routeOptions.config.tasks?.action !== 'cancel') return
        return await reply.code(403).send({ statusCode: 403, code: 'HOST_NO', error: 'Forbidden', message: 'No.' })
      }
    }
  })
  const id = await enqueue(forbidding.dir)
  const other = await open(t, `${forbidding.url}#/tasks/${id}`)
  await other.getByRole('button', { name: 'Cancel' }).click()
  await other.getByText('You do not have permission to do that.').waitFor()
  t.match(await readTaskOf(forbidding.dir, id), { status: 'queued' })

  const shown = await startHost(t, { tasks: { readOnly: true } })
  const old = await enqueue(shown.dir, { status: 'failed', exitCode: 3 })
  const third = await open(t, `${shown.url}#/tasks/${old}`)
  await third.getByText('Read-only view.').waitFor()
  t.equal(await third.getByRole('button', { name: 'Delete' }).count(), 0)
  t.equal(await third.getByRole('link', { name: 'New task' }).count(), 0)
  await third.goto(`${shown.url}#/tasks/task_1_gone`)
  await third.getByText('Task not found').waitFor()
})

t.test('below a prefix, beside helmet, under a title of its own', async (t) => {
  const { url, dir } = await startHost(t, {
    before: (app) => app.register(cookieHost),
    tasks: { prefix: '/deep/api' },
    dashboard: { prefix: '/deep/down', api: '../api', title: 'Works & <more>' }
  })
  await enqueue(dir, { command: 'echo there', status: 'completed' })
  const page = await open(t, url.replace(/\/$/, ''))
  t.equal(page.url(), `${url}#/`.replace('#/', ''), 'it was sent to where its files are')
  await row(page, 'echo there').click()
  await page.getByText('No output.').waitFor()
  t.equal(await page.title(), 'Works & <more>')
  const { headers } = await fetch(url)
  t.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'self';/)
})

t.test('two tabs have one connection; each sees what the other does', async (t) => {
  const { app, url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const [one, other] = [await context.newPage(), await context.newPage()]
  for (const page of [one, other]) {
    await page.goto(url)
    await page.getByText('live', { exact: true }).waitFor()
  }
  t.equal((await app.tasks.health()).sseClients, 1)
  await post(`${url}api/tasks`, { command: 'echo up; sleep 78' })
  await row(one, 'running').click()
  await one.getByRole('button', { name: 'Cancel' }).click()
  await row(other, 'cancelled').waitFor()
  await one.close()
  await post(`${url}api/tasks`, { command: 'echo later' })
  await row(other, 'echo later').waitFor()
})

t.test('by keys alone', async (t) => {
  const { url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const page = await open(t, url)
  const press = async (...keys: string[]) => { for (const key of keys) await page.keyboard.press(key) }
  const focused = () => page.evaluate(() => document.activeElement?.textContent)
  await page.getByText('processor runs').waitFor()
  await press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await press('Escape', 'n')
  await page.locator('#field-command:focus').waitFor()
  await page.keyboard.type('echo by keys; sleep 79')
  await press('Control+Enter')
  await untilLogHas(page, 'by keys')
  await press('f')
  await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor()
  await press('w')
  await page.getByRole('button', { name: 'Wrap long lines', pressed: false }).waitFor()
  await press('Escape')
  await row(page, 'echo by keys').waitFor()
  for (const command of ['echo second', 'echo third']) {
    await enqueue(dir, { command })
    await row(page, command).waitFor()
  }
  await press('j', 'Home')
  await waitFor(async () => await focused() === 'echo third')
  await press('j')
  await waitFor(async () => await focused() === 'echo second')
  await press('End')
  await waitFor(async () => await focused() === 'echo by keys; sleep 79')
  await press('k', 'ArrowDown', 'Enter')
  await page.getByRole('heading', { name: 'echo by keys' }).waitFor()
  const cancel = page.getByRole('button', { name: 'Cancel' })
  for (let tabs = 0; tabs < 30 && !await cancel.evaluate((element) => element === document.activeElement); tabs++) await press('Tab')
  const outline = await cancel.evaluate((element) => getComputedStyle(element).outlineStyle)
  t.equal(outline, 'solid', 'the focus can be seen')
  await press('Enter')
  await page.locator('.state').getByText('cancelled').waitFor()
  await press('Escape')
  await row(page, 'echo third').waitFor()
  await press('/')
  await page.keyboard.type('third')
  await page.getByText('1 of 3').waitFor()
})

t.test('as wide as a phone', async (t) => {
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { command: `echo ${'long '.repeat(60)}`, status: 'completed', exitCode: 0 })
  await writeFile(join(dir, `${id}.log`), `${'wide '.repeat(80)}\n`)
  const page = await open(t, url, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true })
  const fits = async () => await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
  await row(page, 'echo long').waitFor()
  t.ok(await fits(), 'the list')
  await row(page, 'echo long').tap()
  await untilLogHas(page, 'wide')
  t.ok(await fits(), 'the task')
  await page.goto(`${url}#/new`)
  await page.getByLabel('Command').waitFor()
  t.ok(await fits(), 'the form')
})

t.test('passes axe accessibility checks in both colour schemes', async (t) => {
  const axe = await readFile(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8')
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { command: 'echo \'red\'', status: 'failed', startedAt: new Date().toISOString(), completedAt: new Date().toISOString(), exitCode: 3, errorMessage: 'Exited with code 3.' })
  for (const status of ['queued', 'running', 'completed', 'cancelled']) await enqueue(dir, { status })
  await writeFile(join(dir, `${id}.log`), '\u001b[31mred\u001b[0m and \u001b[33myellow\u001b[0m\n')
  for (const colorScheme of ['light', 'dark'] as const) {
    // what moves has colours on its way that it does not stay with
    const page = await open(t, url, { colorScheme, reducedMotion: 'reduce' })
    const check = async (what: string) => {
      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => (globalThis as any).axe.run())
      t.strictSame(violations.map(({ id, nodes }: any) => [id, nodes.map(({ html, failureSummary }: any) => [html.slice(0, 200), failureSummary])]), [], `${what}, ${colorScheme}`)
    }
    await row(page, 'running').waitFor()
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
  }
})

t.test('announces status changes to screen readers', async (t) => {
  const { url, dir } = await startHost(t)
  await startProcessor(t, dir)
  const page = await open(t, url)
  const go = join(dir, '..', 'go')
  const id = await enqueue(dir, { command: `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; exit 4` })
  await page.getByRole('link', { name: 'echo up' }).click()
  await untilLogHas(page, 'up')
  await writeFile(go, '')
  await untilEnded(dir, id)
  await waitFor(async () => /failed, exit code/.test(await page.getByRole('log').textContent() ?? ''))
})
