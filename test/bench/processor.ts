import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeDirectory, within } from './lab.ts'

const CLI = fileURLToPath(new URL('../../dist/cli/index.js', import.meta.url))
const LOOK_EVERY_MS = 2

/** The built processor, as its users start it. */
export class Processor {
  readonly #process: ChildProcess
  /** When it was spawned, by `Date`. */
  readonly spawnedAt: number
  /** Resolves when it takes tasks. */
  readonly ready: Promise<unknown>

  constructor (dir: string, { concurrency = 1 } = {}) {
    this.spawnedAt = Date.now()
    this.#process = spawn(process.execPath, [CLI, 'process', dir, '--allow-any-command', '--concurrency', `${concurrency}`], {
      env: { ...process.env, XDG_STATE_HOME: makeDirectory() },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    // what it says of each task is read, so that it never waits for a reader
    this.ready = once(this.#process.stdout!, 'data')
    this.#process.stdout!.resume()
    process.once('exit', () => this.#process.kill())
  }

  get pid (): number {
    return this.#process.pid!
  }

  async stop (): Promise<void> {
    const exited = once(this.#process, 'exit')
    this.#process.kill()
    await exited
  }
}

/** Resolves when all these tasks have ended. Their files are looked at, oldest first, so each is read about once. */
export async function allEnded (dir: string, ids: readonly string[]): Promise<void> {
  let ended = 0
  const look = async () => {
    for (; ended < ids.length; ended++) {
      while (!isEnded(dir, ids[ended]!)) await sleep(LOOK_EVERY_MS)
    }
  }
  await within(look(), () => `only ${ended} of ${ids.length} tasks have ended`)
}

/** @throws where it did not end as it should */
function isEnded (dir: string, id: string): boolean {
  const { status } = JSON.parse(readFileSync(join(dir, `${id}.json`), 'utf8')) as { status: string }
  if (status === 'failed' || status === 'cancelled') throw new Error(`${id} is ${status}`)
  return status === 'completed'
}
