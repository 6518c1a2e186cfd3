import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { EventStream, openFeed, post, putTask, temporaryDirectory, waitFor } from '../helpers.ts'
import { makeStateDirectory } from '../processor/fixtures.ts'
import { WAIT_MS } from '../wait-for.ts'
import { withDeadline } from '../with-deadline.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Standalone {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when the output matches. */
  printed (pattern: RegExp): Promise<RegExpExecArray>
  exited (): Promise<{ code: number | null, stdout: string, stderr: string }>
}

/** Starts the example on a free port; it is stopped after the test. */
function run (t: Test, dir: string, args: string[] = [], environment: Record<string, string> = {}): Standalone {
  const child = spawn(process.execPath, ['--import=tsx', 'examples/standalone.ts', '--dir', dir, ...args], {
    cwd: ROOT,
    env: { ...process.env, XDG_STATE_HOME: makeStateDirectory(t), HOST: '', TASKS_DIR: '', TOKEN: '', PORT: '0', ...environment }
  })
  const closed = once(child, 'close')
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text })
  t.teardown(async () => {
    child.kill('SIGTERM')
    await closed
  })
  return {
    child,
    async printed (pattern) {
      const signal = AbortSignal.timeout(WAIT_MS)
      for (;;) {
        const match = pattern.exec(stdout + stderr)
        if (match !== null) return match
        if (signal.aborted) throw new Error(`The server had not printed ${pattern} after ${WAIT_MS} ms: ${stdout}${stderr}`)
        const next = await Promise.race([once(child.stdout, 'data', { signal }), once(child.stderr, 'data', { signal }), closed.then(() => 'closed')]).catch(() => {})
        if (next === 'closed' && !pattern.test(stdout + stderr)) throw new Error(`The server exited without printing ${pattern}: ${stdout}${stderr}`)
      }
    },
    async exited () {
      const [code] = await closed
      return { code, stdout, stderr }
    }
  }
}

/** Resolves with the URL of the tasks when the server and the processor are running. */
async function started (standalone: Standalone): Promise<string> {
  await standalone.printed(/Processing the tasks/)
  return (await standalone.printed(/Tasks: (\S+)/))[1]!
}

function processorOf (dir: string): number {
  return parseInt(readFileSync(join(dir, '.processor.lock.pid'), 'utf8'), 10)
}

function isRunning (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The answer to a request with headers that `fetch` does not allow. */
async function statusOf (url: string, headers: Record<string, string>, method = 'GET'): Promise<[status: number | undefined, code: string | undefined]> {
  const sent = request(url, { method, headers, agent: false }).end()
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const text of response.setEncoding('utf8')) body += text
  return [response.statusCode, JSON.parse(body).code]
}

t.test('runs a posted command and shows it live', async (t) => {
  const dir = join(await temporaryDirectory(t), 'tasks')
  const url = await started(run(t, dir))
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const { id } = await (await post(url, { command: 'echo hello; sleep .2; echo world' })).json() as { id: string }
  await feed.find(({ event, data }) => event === 'task.upsert' && data.status === 'completed')
  const seen: string[] = []
  for (const { event, data } of feed.messages) {
    if (event === 'task.log' && seen.at(-1) === 'hello\n') seen[seen.length - 1] += data.chunk
    else if (data.id === id) seen.push(event === 'task.log' ? data.chunk : data.status)
  }
  // the processor may start the task before the server has read it as queued
  t.strictSame(seen.filter((each) => each !== 'queued'), ['running', 'hello\nworld\n', 'completed'])
})

t.test('accepts only host names of this machine', async (t) => {
  const url = await started(run(t, await temporaryDirectory(t)))
  const evil = { host: 'evil.example' }
  t.strictSame(await statusOf(url, evil), [421, 'STANDALONE_HOST'])
  t.strictSame(await statusOf(`${url}/events`, evil), [421, 'STANDALONE_HOST'])
  t.strictSame(await statusOf(new URL('/elsewhere', url).href, evil), [421, 'STANDALONE_HOST'])
  for (const host of ['localhost', 'localhost:1', '127.0.0.1:80', '[::1]:3000', 'LocalHost']) {
    t.strictSame(await statusOf(url, { host }), [200, undefined], host)
  }
  for (const host of ['localhost.evil.example', 'localhost:80:80', '127.0.0.1.evil.example', 'evil@localhost']) {
    t.strictSame(await statusOf(url, { host }), [421, 'STANDALONE_HOST'], host)
  }
})

t.test('rejects requests of web pages of other sites', async (t) => {
  const url = await started(run(t, await temporaryDirectory(t)))
  const { id } = await (await post(url, { command: 'true' })).json() as { id: string }
  await waitFor(async () => (await (await fetch(`${url}/${id}`)).json() as { status: string }).status === 'completed')
  // the types that a browser sends without asking first
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain;application/json']) {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: '{"command":"true"}' })
    t.equal(response.status, 415, type)
  }
  t.strictSame(await statusOf(`${url}/${id}/cancel`, { origin: 'http://evil.example' }, 'POST'), [403, 'STANDALONE_ORIGIN'])
  t.strictSame(await statusOf(`${url}/${id}/cancel`, { origin: 'null' }, 'POST'), [403, 'STANDALONE_ORIGIN'])
  t.strictSame(await statusOf(`${url}/${id}/cancel`, { origin: new URL(url).origin }, 'POST'), [409, 'FST_TASKS_NOT_ACTIVE'])
  const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' } })
  t.equal(preflight.headers.get('access-control-allow-origin'), null)
})

t.test('a request that is not complete in time is rejected, and streams stay open', async (t) => {
  const dir = await temporaryDirectory(t)
  const preload = new URL('short-time-limits.mjs', import.meta.url).href
  const url = await started(run(t, dir, [], { NODE_OPTIONS: `--import=${preload}` }))
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await feed.find(({ event }) => event === 'ready')
  const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
  for (const incomplete of ['', head, `${head}Content-Length: 100\r\n\r\n`, `${head}Content-Length: 100\r\n\r\n{"command":`, `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`]) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.write(incomplete)
    t.match(await withDeadline(text(socket), () => incomplete), /^HTTP\/1\.1 408 /, JSON.stringify(incomplete))
  }
  await putTask(dir, 'task_1_a')
  await feed.find(({ data }) => data.id === 'task_1_a')
})

t.test('starts no processor if the port is in use', async (t) => {
  const dir = await temporaryDirectory(t)
  const url = await started(run(t, dir))
  const inUse = await run(t, join(dir, 'other'), ['--port', new URL(url).port]).exited()
  t.match(inUse, { code: 1, stderr: /port is in use.*--port/ })
  t.notOk(existsSync(join(dir, 'other', '.processor.lock.pid')))
})

t.test('a signal stops the processor and its commands, then the server', async (t) => {
  const dir = await temporaryDirectory(t)
  const standalone = run(t, dir)
  const url = await started(standalone)
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  const { id } = await (await post(url, { command: 'echo started; sleep 600' })).json() as { id: string }
  await feed.find(({ event, data }) => event === 'task.log' && data.id === id)
  const processor = processorOf(dir)
  standalone.child.kill('SIGINT')
  t.match(await feed.find(({ data }) => data.id === id && data.status === 'failed'), { data: { errorMessage: /processor was stopped/ } })
  t.match(await standalone.exited(), { code: 0, stdout: new RegExp(`still running:\n  ${id} echo started; sleep 600\n`) })
  t.notOk(isRunning(processor), 'the processor has exited')
})

t.test('a second signal kills the commands immediately', async (t) => {
  const dir = await temporaryDirectory(t)
  const standalone = run(t, dir)
  const url = await started(standalone)
  const feed = await openFeed(url)
  t.teardown(() => feed.close())
  await post(url, { command: 'trap "" TERM; echo started; sleep 600' })
  await feed.find(({ event }) => event === 'task.log')
  const processor = processorOf(dir)
  standalone.child.kill('SIGINT')
  standalone.child.kill('SIGINT')
  await standalone.printed(/SIGTERM: stopping task_/)
  // signals within 300 ms count as one
  await sleep(400)
  standalone.child.kill('SIGINT')
  await standalone.printed(/SIGTERM: killing task_/)
  t.match(await standalone.exited(), { code: 0 })
  t.notOk(isRunning(processor))
})

t.test('the server keeps running when the processor is killed', async (t) => {
  const dir = await temporaryDirectory(t)
  const standalone = run(t, dir)
  const url = await started(standalone)
  process.kill(processorOf(dir), 'SIGKILL')
  await standalone.printed(/processor exited \(SIGKILL\).*queued tasks wait/)
  const { status } = await (await post(url, { command: 'true' })).json() as { status: string }
  t.equal(status, 'queued')
  standalone.child.kill('SIGTERM')
  t.match(await standalone.exited(), { code: 0, stdout: /Stopping\.\n$/ })
})

t.test('rejects every request without the token', async (t) => {
  const dir = await temporaryDirectory(t)
  const url = await started(run(t, dir, ['--host', '0.0.0.0'], { TOKEN: 'a secret' }))
  for (const headers of [{}, { authorization: 'Bearer a secre' }, { authorization: 'a secret' }, { authorization: 'Bearer ' }]) {
    t.strictSame(await statusOf(url, headers), [401, 'STANDALONE_TOKEN'], JSON.stringify(headers))
  }
  t.strictSame(await statusOf(`${url}?token=a%20secret`, {}), [401, 'STANDALONE_TOKEN'])
  const page = new URL('/', url)
  t.strictSame(await statusOf(page.href, {}), [401, 'STANDALONE_TOKEN'])
  t.strictSame(await statusOf(`${page}?token=another`, {}), [401, 'STANDALONE_TOKEN'])
  const login = await fetch(`${page}?token=a%20secret`, { redirect: 'manual' })
  t.match([login.status, login.headers.get('location')], [302, '/'])
  const set = login.headers.get('set-cookie') ?? ''
  // Lax, so that links in mails work; requests that change something are protected by their origin
  t.match(set, /; HttpOnly; SameSite=Lax; Path=\/$/)
  const cookie = set.split(';', 1)[0]!
  t.match(await (await fetch(page, { headers: { cookie } })).text(), '<title>Tasks</title>')
  t.equal((await fetch(url, { headers: { cookie: `a=b; ${cookie}` } })).status, 200)
  t.strictSame(await statusOf(url, { cookie: `${cookie}x` }), [401, 'STANDALONE_TOKEN'])
  t.equal((await fetch(url, { method: 'POST', headers: { cookie, origin: 'https://elsewhere.example' } })).status, 403)
  t.strictSame(await statusOf(`${url}/events`, {}), [401, 'STANDALONE_TOKEN'])
  t.strictSame(await statusOf(url, {}, 'POST'), [401, 'STANDALONE_TOKEN'])
  const headers = { authorization: 'Bearer a secret' }
  t.strictSame(await statusOf(url, headers), [200, undefined])
  t.strictSame(await statusOf(url, { ...headers, host: 'box.example:3000' }), [200, undefined], 'any host name is accepted with a token')
  const feed = await new EventStream(`${url}/events`, { headers }).open()
  t.teardown(() => feed.close())
  await feed.find(({ event }) => event === 'ready')
})

t.test('a browser can be logged in to several servers of one machine', async (t) => {
  const tokens = ['one', 'other']
  const urls = await Promise.all(tokens.map(async (token) => await started(run(t, await temporaryDirectory(t), [], { TOKEN: token }))))
  // browsers store cookies by name, for all ports
  const cookies = new Map<string, string>()
  for (const [index, url] of urls.entries()) {
    const { headers } = await fetch(new URL(`/?token=${tokens[index]}`, url), { redirect: 'manual' })
    const [name = '', value = ''] = headers.get('set-cookie')!.split(';', 1)[0]!.split('=')
    cookies.set(name, value)
  }
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  for (const url of urls) t.strictSame(await statusOf(url, { cookie }), [200, undefined])
})

t.test('rejects invalid and unsafe settings before it creates anything', async (t) => {
  const dir = join(await temporaryDirectory(t), 'tasks')
  const [elsewhere, byEnvironment, port, unknown] = await Promise.all([
    run(t, dir, ['--host', '0.0.0.0']).exited(),
    run(t, dir, [], { HOST: '::' }).exited(),
    run(t, dir, ['--port', '65536']).exited(),
    run(t, dir, ['--poort', '1']).exited()
  ])
  t.match(elsewhere, { code: 1, stderr: /reaches 0\.0\.0\.0.*token/ })
  t.match(byEnvironment, { code: 1, stderr: /reaches ::.*token/ })
  t.match(port, { code: 1, stderr: /port must be a number/ })
  t.match(unknown, { code: 1, stderr: /--poort/ })
  t.notOk(existsSync(dir), 'nothing was created')
})

t.test('--help prints the options', async (t) => {
  const { code, stdout } = await run(t, await temporaryDirectory(t), ['--help']).exited()
  t.equal(code, 0)
  for (const option of ['--port', '--host', '--dir', '--token']) t.match(stdout, option)
})

t.test('commands do not get the token', async (t) => {
  const dir = await temporaryDirectory(t)
  const url = await started(run(t, dir, [], { TOKEN: 'a secret' }))
  const headers = { 'content-type': 'application/json', authorization: 'Bearer a secret' }
  const created = await fetch(url, { method: 'POST', headers, body: '{"command":"env"}' })
  const { id } = await created.json() as { id: string }
  await waitFor(async () => (await (await fetch(`${url}/${id}`, { headers })).json() as { status: string }).status === 'completed')
  const log = readFileSync(join(dir, `${id}.log`), 'utf8')
  t.match(log, `TASK_ID=${id}`)
  t.notMatch(log, 'a secret')
})
