import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { enqueue } from '../../processor/fixtures.ts'
import { copyLog, eventually, launchBrowser, logRows, openDashboard, untilLogHas } from '../browser.ts'
import { loginRequired, startHost, type Host } from '../host.ts'

const browser = await launchBrowser(t)

interface TaskWithLog extends Host {
  readonly id: string
  readonly log: string
}

async function startHostWithLog (t: Test, content: string, fields: Record<string, unknown> = { status: 'completed' }): Promise<TaskWithLog> {
  const host = await startHost(t)
  const id = await enqueue(host.dir, fields)
  const log = join(host.dir, `${id}.log`)
  await writeFile(log, content)
  return { ...host, id, log }
}

const running = () => ({ status: 'running', startedAt: new Date().toISOString() })
const numberedLines = (count: number) => Array.from({ length: count }, (_, n) => `line ${n} of the log\n`).join('')
const unevenLines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `line ${from + n} ${'x'.repeat((from + n) % 50)}\n`).join('')
const numberOf = (line = '') => Number(/^line (\d+) /.exec(line)?.[1] ?? NaN)

t.test('only the end of a large log is loaded, and a progress line replaces the one before', async (t) => {
  const { url, id } = await startHostWithLog(t, `${numberedLines(100_000)}10 %\r20 %\r30 %`, running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  const shown = await untilLogHas(page, '30 %')
  t.notMatch(shown, '10 %')
  t.ok(shown.length < 1_000_000, `${shown.length} characters`)
})

t.test('progress that the command reports to the terminal is shown as a progress bar', async (t) => {
  const { url, id } = await startHostWithLog(t, '30 %\u001b]9;4;1;30\u0007', running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  t.equal(await page.getByRole('progressbar', { name: 'Progress of the command' }).getAttribute('value'), '30')
})

t.test('a match of the search leads to its line, whose link survives a reload', async (t) => {
  const lines = numberedLines(100_000)
  const { url, id } = await startHostWithLog(t, lines)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await page.getByLabel('Find in the complete log').fill('LINE 4711 ')
  await page.keyboard.press('Enter')
  await page.getByText('1 line', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'line 4711 of' }).click()
  await page.getByRole('button', { name: 'Follow', pressed: false }).waitFor()
  await page.locator('.xterm-rows', { hasText: 'line 4711 of the log' }).waitFor()
  await page.getByRole('button', { name: 'Copy a link' }).click()
  await page.waitForURL(/\?at=\d+$/)
  const at = Number(/\d+$/.exec(page.url())?.[0])
  t.equal(lines.slice(at).split('\n', 1)[0], 'line 4708 of the log', 'the byte offset of the line at the top')
  await page.reload()
  await page.locator('.xterm-rows', { hasText: 'line 4711 of the log' }).waitFor()
  t.match(await page.locator('.xterm-rows > div').first().textContent(), /^line 4708 /)
})

t.test('buttons lead to the start and the end of the log', async (t) => {
  const { url, id } = await startHostWithLog(t, `${numberedLines(100_000)}the end`, running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'the end')
  await page.getByRole('button', { name: 'Start of the log' }).click()
  await page.locator('.xterm-rows', { hasText: 'line 0 of the log' }).waitFor()
  await page.getByRole('button', { name: 'End of the log' }).click()
  await untilLogHas(page, 'the end')
})

t.test('a rewritten log replaces what was shown', async (t) => {
  const { url, id, log } = await startHostWithLog(t, numberedLines(100_000), running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'line 99999 ')
  await writeFile(log, 'rewritten\n')
  await untilLogHas(page, 'rewritten')
  t.equal((await copyLog(page)).trim(), 'rewritten')
})

t.test('scrolling back from the end reaches the start of the log without a gap', async (t) => {
  const count = 12_000
  const { url, id } = await startHostWithLog(t, unevenLines(0, count))
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, `line ${count - 1} `)
  let top = Infinity
  for (let presses = 0; top > 0 && presses < 1000; presses++) {
    const lines = await logRows(page).allTextContents()
    const first = numberOf(lines[0])
    if (Number.isNaN(first)) continue
    for (const [index, line] of lines.entries()) if (line.trim() !== '' && numberOf(line) !== first + index) t.fail(`${line} is ${index} rows below ${first}`)
    top = first
    // ignored while more is being loaded
    await page.keyboard.press('PageUp')
  }
  t.equal(top, 0)
  const copied = await copyLog(page)
  t.ok(copied.startsWith('line 0 '))
  t.notOk(copied.includes(`line ${count - 1} `), 'only a section is kept')
})

/** Presses a key until the number of the line at the top satisfies a condition. Each press moves by one page at most. */
async function pressUntil (t: Test, page: Page, key: string, holds: (top: number) => boolean): Promise<number> {
  const readTop = async () => numberOf(await logRows(page).first().textContent() ?? '')
  const pageRows = await logRows(page).count()
  let top = await readTop()
  let presses = 0
  for (let total = 0; total < 1500 && !holds(top); total++) {
    await page.keyboard.press(key)
    presses++
    await rendered(page)
    const next = await readTop()
    // the view is empty for a moment while a part of the log is loaded; keys may move it meanwhile
    if (Number.isNaN(next)) continue
    if (Math.abs(next - top) > presses * pageRows) t.fail(`${presses} times ${key} moved from line ${top} to line ${next}, with ${pageRows} rows`)
    top = next
    presses = 0
  }
  t.ok(holds(top), `${key} reached line ${top}`)
  return top
}

/** Resolves when the page has drawn the effects of an event. */
async function rendered (page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
}

t.test('scrolling down again reaches output that was added meanwhile, and follows the log', async (t) => {
  const { app, url, id, log } = await startHostWithLog(t, unevenLines(0, 100), running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'line 99 ')
  // more rows than the terminal keeps
  for (let n = 100; n < 12_100; n += 2000) {
    await appendFile(log, unevenLines(n, n + 2000))
    await untilLogHas(page, `line ${n + 1999} `)
  }
  const reached = await pressUntil(t, page, 'PageUp', (top) => top < 1900)
  t.ok(reached > 500, `not at the start, but at line ${reached}`)
  await appendFile(log, unevenLines(12_100, 12_200))
  await pressUntil(t, page, 'PageDown', (top) => top > 12_100)
  await untilLogHas(page, 'line 12199 ')
  const follows = page.getByRole('button', { name: 'Follow', pressed: true })
  for (let presses = 0; presses < 200 && await follows.count() === 0; presses++) await page.keyboard.press('PageDown')
  await follows.waitFor()
  await appendFile(log, 'and live again\n')
  await untilLogHas(page, 'and live again')
  await eventually(async () => (await app.tasks.health()).sseClients, (clients) => clients === 2, { what: 'the page has two connections' })
})

async function pressUntilShown (t: Test, page: Page, key: string, text: string): Promise<void> {
  const shown = async () => (await logRows(page).allTextContents()).join('')
  for (let presses = 0; presses < 1000 && !(await shown()).includes(text); presses++) await page.keyboard.press(key)
  t.ok((await shown()).includes(text), `${key} shows ${JSON.stringify(text)}`)
}

t.test('scrolling down in a very long line reaches its end', async (t) => {
  const { url, id } = await startHostWithLog(t, `begin ${'0123456789'.repeat(120_000)} end\n`)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}?at=0`)
  await logRows(page).filter({ hasText: 'begin' }).waitFor()
  await pressUntilShown(t, page, 'PageDown', ' end')
})

t.test('scrolling passes over a row of many bytes in both directions', async (t) => {
  const { url, id } = await startHostWithLog(t, `begin\n${Array.from({ length: 30_000 }, (_, n) => `at ${n} of 30000 parts\r`).join('')}\nlast\n`)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await logRows(page).filter({ hasText: 'last' }).waitFor()
  await pressUntilShown(t, page, 'PageUp', 'begin')
  await pressUntilShown(t, page, 'PageDown', 'last')
})

t.test('modes for interactive terminals are ignored', async (t) => {
  const lines = Array.from({ length: 200 }, (_, n) => `line ${n}\n`).join('')
  const { url, id } = await startHostWithLog(t, `first\n\u001b[?1049h\u001b[?1003h\u001b[20l${lines}`)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  const shown = await untilLogHas(page, 'line 199')
  t.ok(shown.startsWith('first\nline 0\nline 1\n'))
})

t.test('a log continues after the user has logged in again', async (t) => {
  const { login, tasks } = loginRequired()
  const { app, dir, url } = await startHost(t, { tasks })
  const id = await enqueue(dir, running())
  const log = join(dir, `${id}.log`)
  await writeFile(log, 'before\n')
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'before')
  login.isLoggedIn = false
  app.server.closeAllConnections()
  await page.locator('.log').getByText('You are not logged in').waitFor()
  await appendFile(log, 'meanwhile\n')
  login.isLoggedIn = true
  await page.locator('.log').getByRole('button', { name: 'Try again' }).click()
  await untilLogHas(page, 'before\nmeanwhile')
})

/** Control sequences with every final byte, prefix and intermediate, and with numbers far above the size of the screen. */
function * allSequences (): Generator<string> {
  const finals = Array.from({ length: 0x7f - 0x40 }, (_, n) => String.fromCharCode(0x40 + n))
  const intermediates = ['', ...Array.from({ length: 16 }, (_, n) => String.fromCharCode(0x20 + n))]
  for (const introducer of ['\u001b[', '\u009b']) {
    for (const prefix of ['', '?', '>', '<', '=']) {
      for (const intermediate of intermediates) {
        for (const final of finals) yield `${introducer}${prefix}2147483647;99:9${intermediate}${final}`
      }
    }
  }
}

t.test('control sequences of every kind with huge numbers are shown in bounded time', { timeout: 120_000 }, async (t) => {
  const sequences = [...allSequences()].map((sequence) => `x${sequence}`).join('')
  const { url, id } = await startHostWithLog(t, `first\n${sequences}\u001b[!p\u001b[999Bthe end\n`)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}?at=0`)
  await untilLogHas(page, 'the end')
  await page.getByRole('button', { name: 'Tasks' }).click()
  await page.getByRole('table').waitFor()
})

const FLOODS: Record<string, string> = {
  'sequences that move rows': '\u001b[999L\u001b[999S\u001b[999T\u001b[9\'}'.repeat(1000),
  'sequences that fill the screen': '\u001b#8\u001b[2J'.repeat(2000),
  'repeated characters': 'x\u001b[999b'.repeat(2000),
  'full resets': 'x\n\u001bc'.repeat(10_000),
  'palette changes': '\u001b]4;1;#fff\u0007'.repeat(2000),
  'combining marks': `e${'\u0301'.repeat(100_000)}`,
  'carriage returns': '\r'.repeat(1_000_000),
  'a long line': 'x'.repeat(1_000_000),
  'a command without an end': '\u001b]0;',
  'a string without an end': `\u001bP${'x'.repeat(100_000)}`
}

t.test('the page shows what follows a flood of output', { timeout: 240_000 }, async (t) => {
  const { url, id, log } = await startHostWithLog(t, 'first\n', running())
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  await untilLogHas(page, 'first')
  for (const [name, flood] of Object.entries(FLOODS)) {
    await appendFile(log, `\u001b[999B${flood}\nafter ${name}\n`)
    await logRows(page).filter({ hasText: `after ${name}` }).waitFor()
    t.pass(name)
  }
})

t.test('a reset of the terminal leaves earlier output reachable', async (t) => {
  const { url, id } = await startHostWithLog(t, 'before\n\u001bcafter a reset\n\u001b[3Jafter clearing the rows above\n')
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  t.equal((await untilLogHas(page, 'after clearing')).trimEnd(), 'before\nafter a reset\nafter clearing the rows above')
})

t.test('a link in the log is opened only after a confirmation, and only if it is a web address', async (t) => {
  const link = (address: string, text: string) => `\u001b]8;;${address}\u0007${text}\u001b]8;;\u0007\n`
  const { url, id } = await startHostWithLog(t, `${link('javascript:document.title=1', 'script')}${link('file:///etc/passwd', 'file')}${link('https://example.org/', 'website')}`)
  const page = await openDashboard(t, browser, `${url}#/tasks/${id}`)
  const dialogs: string[] = []
  page.on('dialog', async (dialog) => {
    dialogs.push(dialog.message())
    await dialog.dismiss()
  })
  await untilLogHas(page, 'website')
  // by position: the terminal replaces the elements of a row when the pointer enters it
  const places = await Promise.all(['script', 'file', 'website'].map((text) => page.locator('.xterm-rows span', { hasText: text }).boundingBox()))
  for (const place of places) await page.mouse.click(place!.x + place!.width / 2, place!.y + place!.height / 2)
  await eventually(() => dialogs.length, (count) => count > 0, { what: 'the page asks for a confirmation' })
  t.match(dialogs, [/^Do you want to navigate to https:\/\/example.org/])
  t.equal(dialogs.length, 1)
})
