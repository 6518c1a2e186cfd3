import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { taskText } from '../helpers.ts'
import { randomFrom } from '../random.ts'
import { enqueue } from '../processor/fixtures.ts'
import { FaultyServer } from '../faults/faulty-server.ts'
import { copyLog, eventually, launchBrowser, openPage, untilLogHas } from './browser.ts'
import { makeTasks, startHost } from './host.ts'
import { randomOutput } from './random-output.ts'

const ROUNDS = Number(process.env.SOAK_ROUNDS ?? 10)
const browser = await launchBrowser(t)

t.test(`an open page loses nothing when its server is killed ${ROUNDS} times during output`, { timeout: 60_000 + ROUNDS * 10_000 }, async (t) => {
  const dir = makeTasks(t)
  const id = await enqueue(dir, { status: 'running', startedAt: new Date().toISOString() })
  const log = join(dir, `${id}.log`)
  const server = new FaultyServer(dir)
  t.teardown(() => server.stop())
  await server.start()
  const origin = new URL('/', server.url).href
  const { page, errors } = await openPage(t, browser, `${origin}#/tasks/${id}`)
  const list = await page.context().newPage()
  await list.goto(origin)
  let line = 0
  const write = () => appendFileSync(log, `line ${line++}: grüße\n`)
  const writer = setInterval(write, 20)
  t.teardown(() => clearInterval(writer))
  await untilLogHas(page, 'line 5:')
  for (let round = 0; round < ROUNDS; round++) {
    // a random moment of the output
    await delay(Math.random() * 300)
    await server.kill()
    await page.getByText('Connection lost').waitFor()
    await enqueue(dir, { command: `echo round ${round}` })
    await server.run()
    await list.getByRole('row').filter({ hasText: `echo round ${round}` }).waitFor()
    await page.getByText('Connection lost').waitFor({ state: 'detached' })
  }
  clearInterval(writer)
  appendFileSync(log, 'the end\n')
  await untilLogHas(page, 'the end')
  t.equal((await copyLog(page)).trimEnd(), readFileSync(log, 'utf8').trimEnd())
  t.equal(await list.getByRole('row').count(), 1 + 1 + ROUNDS)
  t.strictSame(errors, [])
})

t.test('a list of 20,000 tasks can be counted, scrolled from end to end, and searched', { timeout: 120_000 }, async (t) => {
  const dir = makeTasks(t)
  const newest = Date.now() - 3_600_000
  for (let n = 0; n < 20_000; n++) {
    const id = `task_${newest - n}_n${n}`
    writeFileSync(join(dir, `${id}.json`), taskText(id, { command: `echo ${n}`, status: 'completed', createdAt: new Date(newest - n).toISOString() }))
  }
  const { app, url } = await startHost(t, { dir })
  await eventually(async () => (await app.tasks.list()).tasks.length, (count) => count === 20_000, { what: 'the server lists all tasks' })
  const { page, errors } = await openPage(t, browser, url)
  await page.getByRole('button', { name: 'completed 20000' }).waitFor()
  t.ok(await page.getByRole('row').count() < 100, 'only the rows in view are rendered')
  t.equal(await page.getByRole('table').getAttribute('aria-rowcount'), '20001')
  await page.keyboard.press('j')
  await page.keyboard.press('End')
  await page.getByRole('link', { name: 'echo 19999', exact: true }).waitFor()
  const last = page.getByRole('row').filter({ hasText: 'echo 19999' })
  t.equal(await last.getAttribute('aria-rowindex'), '20001')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'echo 19999' }).waitFor()
  await page.goBack()
  await page.getByLabel('Find in commands').fill('n12345')
  await page.getByText('1 of 20000').waitFor()
  await enqueue(dir, { command: 'echo n12345' })
  await page.getByText('2 of 20001').waitFor()
  t.strictSame(errors, [])
})

t.test('a log of 200 MB opens at its end and at any offset with less than 3 MB of traffic', { timeout: 120_000 }, async (t) => {
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { status: 'completed' })
  const file = openSync(join(dir, `${id}.log`), 'w')
  const lines = 2_000_000
  for (let n = 0; n < lines;) {
    let text = ''
    for (const end = n + 10_000; n < end; n++) text += `${String(n).padStart(9, '0')} ${'.'.repeat(89)}\n`
    writeSync(file, text)
  }
  closeSync(file)
  const { page, errors } = await openPage(t, browser, 'about:blank')
  let received = 0
  page.on('response', (response) => { if (/\/log$/.test(response.url())) received += Number(response.headers()['content-length'] ?? 0) })
  await page.goto(`${url}#/tasks/${id}`)
  await untilLogHas(page, `${lines - 1} `)
  await page.getByRole('button', { name: 'Start of the log' }).click()
  await page.locator('.xterm-rows', { hasText: '000000000 ' }).waitFor()
  await page.goto(`${url}#/tasks/${id}?at=${1_000_000 * 100}`)
  await page.locator('.xterm-rows > div', { hasText: '001000000 ' }).waitFor()
  t.match(await page.locator('.terminal[aria-busy=false] .xterm-rows > div').first().textContent(), /^001000000 /)
  t.ok(received < 3_000_000, `${received} bytes`)
  t.strictSame(errors, [])
})

/** Puts the terminal into a state in which text can be read: strings and modes end, and the cursor is on the last row. */
const READABLE = '\n\u0018\u001b[!p\u001b[m\u001b[999B\n'

t.test(`the page shows what follows ${ROUNDS} pieces of random output`, { timeout: 60_000 + ROUNDS * 10_000 }, async (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1e9)
  t.comment(`FUZZ_SEED=${seed}`)
  const random = randomFrom(seed)
  const { url, dir } = await startHost(t)
  const id = await enqueue(dir, { status: 'running', startedAt: new Date().toISOString() })
  const log = join(dir, `${id}.log`)
  writeFileSync(log, 'start\n')
  const { page, errors } = await openPage(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'start')
  await page.evaluate(() => {
    const { dataset } = document.body
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) dataset.longest = String(Math.max(duration, Number(dataset.longest ?? 0)))
    }).observe({ type: 'longtask' })
  })
  let longest = 0
  for (let round = 0; round < ROUNDS; round++) {
    if (round === Math.floor(ROUNDS / 2)) await page.keyboard.press('w')
    appendFileSync(log, Buffer.concat([randomOutput(random, 60_000), Buffer.from(`${READABLE}end of ${round}.\n`)]))
    await page.locator('.xterm-rows', { hasText: `end of ${round}.` }).waitFor({ timeout: 30_000 })
    const pause = Number(await page.evaluate(() => document.body.dataset.longest ?? '0'))
    if (pause > longest) t.comment(`round ${round}: the longest pause is ${pause} ms`)
    longest = Math.max(longest, pause)
  }
  t.strictSame(errors, [])
})
