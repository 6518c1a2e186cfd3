import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Child } from '../../bench/child.ts'
import { openFeed, post, waitFor, healthOf } from '../../helpers.ts'
import { withDeadline } from '../../with-deadline.ts'
import type { ServerReady, ServerReport } from './server.ts'

interface Page { readonly tasks: Array<{ id: string }>, readonly next: string | undefined }

/** A server process that is given random input, with the same tasks over HTTP/1.1 and HTTP/2. */
export class FuzzedServer {
  readonly dir: string
  readonly #child: Child<ServerReady>
  readonly #exited: Promise<string>
  #exit: string | undefined

  static async start (dir: string): Promise<FuzzedServer> {
    return new FuzzedServer(dir, await Child.start<ServerReady>('../faults/fuzz/server.ts', { dir }))
  }

  private constructor (dir: string, child: Child<ServerReady>) {
    this.dir = dir
    this.#child = child
    this.#exited = child.exited.then((how) => (this.#exit = how))
  }

  /** URL of the tasks, over HTTP/1.1. */
  get url (): string {
    return `${this.#child.ready.url}/api/tasks`
  }

  get port (): number {
    return Number(new URL(this.#child.ready.url).port)
  }

  /** URL of the server that speaks HTTP/2. */
  get url2 (): string {
    return this.#child.ready.url2
  }

  /** How the process ended, if it did. */
  get exit (): string | undefined {
    return this.#exit
  }

  async report (): Promise<ServerReport> {
    return await withDeadline(this.#child.ask<ServerReport>('report'), () => 'no report of the server')
  }

  /** Uses each route as a client does. @throws Error if an answer is not correct, or does not come */
  async checkAnswers (): Promise<void> {
    const gone = this.#exited.then((how) => { throw new Error(`The server exited with ${how}`) })
    await withDeadline(Promise.race([this.#checkAnswers(), gone]), async () => ({ health: await healthOf(this.url), report: await this.report() }))
  }

  async stop (): Promise<void> {
    if (this.#exit === undefined) await this.#child.stop()
  }

  async #checkAnswers (): Promise<void> {
    const { url, dir } = this
    await waitFor(async () => (await healthOf(url)).sseClients === 0, { describe: async () => await healthOf(url) })
    const feed = await openFeed(url)
    try {
      await feed.find(({ event }) => event === 'ready')
      const created = await post(url, { command: 'true', config: { after: 'fuzz' } })
      const task = await created.json() as { id: string }
      equal(created.status, 201, 'status of POST')
      await feed.find(({ event, data }) => event === 'task.upsert' && data.id === task.id)
      // a processor may have refused it meanwhile
      const { id, config } = await (await fetch(`${url}/${task.id}`)).json() as Record<string, unknown>
      equal({ id, config }, { id: task.id, config: { after: 'fuzz' } }, 'GET /:id')
      equal(JSON.parse(await readFile(join(dir, `${task.id}.json`), 'utf8')).id, task.id, 'the file')
      await this.#checkList(task.id)
      await appendFile(join(dir, `${task.id}.log`), 'output\n')
      await feed.find(({ event, data }) => event === 'task.log' && data.id === task.id && data.chunk === 'output\n')
      equal(await (await fetch(`${url}/${task.id}/log`)).text(), 'output\n', 'GET /:id/log')
      equal((await fetch(`${url}/${task.id}?force=1`, { method: 'DELETE' })).status, 200, 'status of DELETE')
      await feed.find(({ event, data }) => event === 'task.deleted' && data.id === task.id)
      equal((await fetch(`${url}/${task.id}`)).status, 404, 'status of GET after DELETE')
    } finally {
      feed.close()
    }
  }

  async #checkList (id: string): Promise<void> {
    const all = await this.page('')
    const paged: string[] = []
    // a list that repeats pages has no end
    for (let next: string | undefined = '?limit=7'; next !== undefined && paged.length < 2 * all.tasks.length;) {
      const page: Page = await this.page(next)
      paged.push(...page.tasks.map(({ id }) => id))
      next = page.next
    }
    const ids = all.tasks.map(({ id }) => id)
    equal(ids.includes(id), true, 'the list has the new task')
    equal(new Set(ids).size, ids.length, 'number of different tasks in the list')
    equal(paged, ids, 'the list in pages')
  }

  /** One page of the list. @param query of its URL */
  async page (query: string): Promise<Page> {
    const response = await fetch(`${this.url}${query}`)
    equal(response.status, 200, `status of the list ${query}`)
    const [, link] = /<[^>]*(\?[^>]*)>/.exec(response.headers.get('link') ?? '') ?? []
    return { tasks: await response.json() as Page['tasks'], next: link }
  }
}

function equal (actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 2000)} instead of ${b?.slice(0, 2000)}`)
}
