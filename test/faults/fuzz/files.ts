import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { putTask, waitFor } from '../../helpers.ts'
import { ObservedProgram } from '../../observed-program.ts'
import { PROGRAM } from '../../program.ts'
import { randomChange, type Surroundings } from './file-changes.ts'
import type { FuzzedServer } from './fuzzed-server.ts'
import { get } from './get.ts'
import type { Lane, Step } from './lanes.ts'

/** Only this may run, whatever a file says. */
const POLICY = {
  types: {
    canary: { argv: ['echo', '--', '{config.text}'] },
    some: { argv: ['true', '--', '{config.text?}', '{app?}'] },
    whole: { argv: ['true', '--', '{config}'] },
    strict: { argv: ['true'], config: { type: 'object', additionalProperties: { type: 'string' }, minProperties: 1 } }
  }
}
const PATHS = ['', '?limit=3', '/_meta/health', '/_meta/types', '/ID', '/ID/log', '/ID/log?tail=5', '/ID/log?position=1', '/ID/log/search?q=a', '/ID/log/events', '/ID/log?follow=true', '/events', '/events?logs=false']

/** Random files of all kinds in a directory that a server and a processor use. */
export class FileFuzz {
  readonly processor: ObservedProgram
  readonly #server: FuzzedServer
  readonly #outside: string
  readonly #changes: Surroundings
  #canaries = 0

  static async start (server: FuzzedServer): Promise<FileFuzz> {
    const outside = await mkdtemp(join(tmpdir(), 'fastify-tasks-fuzz-'))
    await mkdir(join(outside, 'folder'))
    await writeFile(join(outside, 'file'), 'secret of another directory')
    await writeFile(join(outside, 'policy.json'), JSON.stringify(POLICY))
    await promisify(execFile)('mkfifo', [join(outside, 'fifo')])
    createServer().unref().listen(join(outside, 'socket'))
    return new FileFuzz(server, outside)
  }

  private constructor (server: FuzzedServer, outside: string) {
    this.#server = server
    this.#outside = outside
    this.#changes = { dir: server.dir, outside }
    this.processor = new ObservedProgram(PROGRAM, ['process', server.dir, '--policy', join(outside, 'policy.json'), '--state-dir', join(outside, 'state'), '--concurrency', '4'])
  }

  steps (): Record<string, Step> {
    const change: Step = async (lane) => await randomChange(lane, this.#changes)
    const read: Step = async (lane) => await this.#read(lane)
    return { change1: change, change2: change, change3: change, read1: read, read2: read, canary: async (lane) => await this.#canary(lane) }
  }

  /** Stops the processor. @returns what is wrong with it */
  async stop (): Promise<string[]> {
    const before = this.processor.exit
    const exit = await this.processor.stop()
    await rm(this.#outside, { recursive: true })
    if (before === undefined && exit === '0') return []
    return [`the processor exited with ${exit}${before === undefined ? ' after SIGTERM' : ' by itself'}: ${this.processor.output}`]
  }

  async #read ({ random, note }: Lane): Promise<void> {
    const path = random.pick(PATHS).replace('ID', `task_${random.below(20)}_f`)
    note(`GET ${path}`)
    const answer = await get(`${this.#server.url}${path}`, { headers: { accept: '*/*' }, ms: random.below(200), maxBytes: 1e7 })
    if (answer.body.includes('secret of')) throw new Error(`${path} shows a file of another directory`)
  }

  /** A plain task among the others: the server must know it, and the processor must run it. */
  async #canary ({ pause }: Lane): Promise<void> {
    const { url, dir } = this.#server
    const id = `task_${Date.now()}_canary${this.#canaries++}`
    const text = `sings ${id}`
    await putTask(dir, id, { type: 'canary', config: { text } })
    let seen: unknown
    await waitFor(async () => {
      seen = JSON.parse((await get(`${url}/${id}`)).body.toString())
      return (seen as { status: unknown }).status === 'completed'
    }, { describe: () => [seen, this.processor.exit, this.processor.output] })
    const log = await readFile(join(dir, `${id}.log`), 'utf8')
    if (!log.includes(text)) throw new Error(`the log of ${id} is ${log}`)
    const deleted = await fetch(`${url}/${id}`, { method: 'DELETE' })
    if (deleted.status !== 200) throw new Error(`DELETE of ${id} answered ${deleted.status}: ${await deleted.text()}`)
    await pause(50)
  }
}
