import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { post, startServer, temporaryDirectory, waitFor, writeTaskFile, type Running } from '../helpers.ts'

// What is not a regular file under the names of a task's files: every route answers without a 5xx, changes nothing outside
// the directory, and removes no directory.

type Place = (path: string) => unknown

interface Kind {
  readonly place: Place
  /** How an error message calls it. */
  readonly what: string
}

interface Outside {
  readonly kinds: Readonly<Record<string, Kind>>
  /** What the links point to. */
  readonly content: () => unknown
}

async function foreignKinds (t: Test): Promise<Outside> {
  const outside = await temporaryDirectory(t)
  const file = join(outside, 'file')
  writeFileSync(file, '{"delete": true}')
  const kinds: Record<string, Kind> = {
    'a directory': { place: (path) => { mkdirSync(path); writeFileSync(join(path, 'inner'), 'inner') }, what: 'a directory' },
    'a FIFO': { place: (path) => execFileSync('mkfifo', [path]), what: 'a FIFO' },
    'a socket': { place: (path) => listen(t, path), what: 'a socket' },
    'a link to a file': { place: (path) => symlinkSync(file, path), what: 'a symbolic link' },
    'a link to nothing': { place: (path) => symlinkSync(join(outside, 'nothing'), path), what: 'a symbolic link' }
  }
  if (spawnSync('mknod', [join(outside, 'device'), 'c', '1', '3']).status === 0) {
    kinds['a device'] = { place: (path) => execFileSync('mknod', [path, 'c', '1', '3']), what: 'a device' }
  }
  return { kinds, content: () => [readdirSync(outside), readFileSync(file, 'utf8')] }
}

async function listen (t: Test, path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => server.close())
}

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly message: string
}

type Request = readonly [method: 'GET' | 'HEAD' | 'POST' | 'DELETE', path: string, status: number, body?: string]
/** Requests, with the statuses of their answers. */
type Expectation = Readonly<Record<string, Request>>

/** Sends a request, and leaves after the head of a stream. */
async function send ({ app, url }: Running, [method, path, , body]: Request): Promise<Answer> {
  const init = { method, ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }) }
  if (/events|follow/.test(path)) {
    const abort = new AbortController()
    const { status } = await fetch(`${url}${path}`, { ...init, signal: abort.signal })
    abort.abort()
    return { status, code: undefined, message: '' }
  }
  const { statusCode: status, body: text } = await app.inject({ ...init, url: `/api/tasks${path}` })
  const { code, message = '' } = text.startsWith('{') ? JSON.parse(text) : {} as { code?: string, message?: string }
  return { status, code, message }
}

const NAMES = ['json', 'log', 'claim', 'cancel'] as const
type Name = (typeof NAMES)[number]

function reads (id: string, name: Name): Expectation {
  const found = name === 'json' ? 404 : 200
  const log = name === 'json' || name === 'log' ? 404 : 200
  return {
    list: ['GET', '', 200],
    get: ['GET', `/${id}`, found],
    log: ['GET', `/${id}/log`, log],
    'head of the log': ['HEAD', `/${id}/log`, log],
    'last line': ['GET', `/${id}/log?tail=1`, log],
    follow: ['GET', `/${id}/log?follow=true`, found],
    events: ['GET', `/${id}/log/events`, found],
    search: ['GET', `/${id}/log/search?q=x`, found],
    health: ['GET', '/_meta/health', 200]
  }
}

/** A queued task whose claim is foreign cannot be cancelled. A directory cannot be replaced by a delete marker. */
function writes (id: string, name: Name, isQueued: boolean, isDirectory: boolean): Expectation {
  const isStuck = isQueued && name === 'claim'
  const isKept = isDirectory && (name === 'json' || name === 'cancel')
  const isDeleted = name !== 'json' && !isStuck && !isKept
  return {
    create: ['POST', '', name === 'json' ? 409 : 200, `{"id":"${id}","command":"true"}`],
    cancel: ['POST', `/${id}/cancel`, name === 'json' || isStuck || !isQueued ? 409 : 200],
    delete: ['DELETE', `/${id}`, isDeleted ? 200 : 409],
    'delete by force': ['DELETE', `/${id}?force=1`, isKept ? 409 : isDeleted ? 404 : 200]
  }
}

t.test('every route answers for a task one of whose files is foreign', async (t) => {
  const dir = await temporaryDirectory(t)
  const { kinds, content } = await foreignKinds(t)
  const before = content()
  // otherwise closing the server waits for idle connections of `fetch`
  const server = await startServer(t, { dir }, { forceCloseConnections: true })
  let number = 0
  for (const [kind, { place, what }] of Object.entries(kinds)) {
    for (const name of NAMES) {
      for (const status of ['queued', 'completed']) {
        const id = `task_${++number}_a`
        const foreign = `${id}.${name}`
        const [isQueued, isDirectory] = [status === 'queued', what === 'a directory']
        await place(join(dir, foreign))
        if (name !== 'log') writeFileSync(join(dir, `${id}.log`), 'x\n')
        if (name !== 'json') {
          writeTaskFile(dir, id, { status })
          await waitFor(async () => await server.app.tasks.get(id) !== undefined, { every: 1 })
        }
        const requests = { ...isQueued && reads(id, name), ...writes(id, name, isQueued, isDirectory) }
        for (const [label, request] of Object.entries(requests)) {
          const answer = await send(server, request)
          t.equal(answer.status, request[2], `${kind} as ${name} of a task that is ${status}: ${label}: ${answer.code} ${answer.message}`)
          if (answer.code === 'FST_TASKS_UNUSABLE_FILE') t.match(answer.message, `${foreign} cannot be used: it is ${what}. Remove it`)
        }
        if (isDirectory) t.ok(lstatSync(join(dir, foreign)).isDirectory(), `${kind} as ${name}: the directory is still there`)
        for (const left of readdirSync(dir)) rmSync(join(dir, left), { recursive: true })
      }
    }
  }
  t.strictSame(content(), before, 'nothing outside the directory changed')
})

t.test('a task is not created while one of its names is foreign, and is when that is removed', async (t) => {
  const dir = await temporaryDirectory(t)
  const { kinds } = await foreignKinds(t)
  const { url, app } = await startServer(t, { dir })
  let number = 0
  for (const [kind, { place, what }] of Object.entries(kinds)) {
    for (const name of NAMES) {
      const id = `task_${++number}_a`
      await place(join(dir, `${id}.${name}`))
      const expected = { statusCode: 409, code: 'FST_TASKS_UNUSABLE_FILE', message: `${id}.${name} cannot be used: it is ${what}. Remove it from the tasks directory, then try again.` }
      t.match(await (await post(url, { command: 'true', id })).json(), expected, `${kind} as ${name}`)
      await t.rejects(app.tasks.create({ command: 'true', id }), expected)
      t.strictSame(readdirSync(dir), [`${id}.${name}`])
      rmSync(join(dir, `${id}.${name}`), { recursive: true })
      t.equal((await post(url, { command: 'true', id })).status, 201)
      rmSync(join(dir, `${id}.json`))
    }
  }
})

t.test('foreign files under the names of the processor break no route', async (t) => {
  const dir = await temporaryDirectory(t)
  const { kinds, content } = await foreignKinds(t)
  const before = content()
  // otherwise closing the server waits for idle connections of `fetch`
  const server = await startServer(t, { dir }, { forceCloseConnections: true })
  let number = 0
  for (const [kind, { place }] of Object.entries(kinds)) {
    for (const name of ['.processor.json', '.processor.lock.pid', '.queue.fifo']) {
      await place(join(dir, name))
      const id = `task_${++number}_a`
      const requests: Expectation = {
        health: ['GET', '/_meta/health', 200],
        types: ['GET', '/_meta/types', 200],
        create: ['POST', '', 201, `{"id":"${id}","command":"true"}`],
        cancel: ['POST', `/${id}/cancel`, 200],
        delete: ['DELETE', `/${id}`, 200]
      }
      for (const [label, request] of Object.entries(requests)) {
        t.equal((await send(server, request)).status, request[2], `${kind} as ${name}: ${label}`)
      }
      t.strictSame(readdirSync(dir), [name], `${kind} as ${name} is still there`)
      rmSync(join(dir, name), { recursive: true })
    }
  }
  t.strictSame(content(), before, 'nothing outside the directory changed')
})
