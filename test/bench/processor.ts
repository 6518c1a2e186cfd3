import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROGRAM } from '../program.ts'
import { makeDirectory, within } from './lab.ts'

const POLL_INTERVAL_MS = 2

/** A process of the built `fastify-tasks process`. */
export class Processor {
  readonly #process: ChildProcess
  /** Time of the spawn, by `Date`. */
  readonly spawnedAt: number
  /** Resolves when the processor claims tasks. */
  readonly ready: Promise<unknown>

  constructor (dir: string, { concurrency = 1 } = {}) {
    this.spawnedAt = Date.now()
    this.#process = spawn(process.execPath, [PROGRAM, 'process', dir, '--allow-any-command', '--concurrency', `${concurrency}`], {
      env: { ...process.env, XDG_STATE_HOME: makeDirectory() },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    // the output is read, so that the processor never blocks on a full pipe
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

/** Resolves when all these tasks are completed. Their files are polled oldest first, so that each is read about once. */
export async function allCompleted (dir: string, ids: readonly string[]): Promise<void> {
  let completed = 0
  const poll = async () => {
    for (; completed < ids.length; completed++) {
      while (!isCompleted(dir, ids[completed]!)) await sleep(POLL_INTERVAL_MS)
    }
  }
  await within(poll(), () => `Only ${completed} of ${ids.length} tasks are completed`)
}

/** @throws Error if the task has failed or was cancelled */
function isCompleted (dir: string, id: string): boolean {
  const { status } = JSON.parse(readFileSync(join(dir, `${id}.json`), 'utf8')) as { status: string }
  if (status === 'failed' || status === 'cancelled') throw new Error(`${id} is ${status}`)
  return status === 'completed'
}
