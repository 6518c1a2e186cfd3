import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { PROGRAM } from '../program.ts'
import { withDeadline } from '../with-deadline.ts'
import { killAll, makeStateDirectory, processesOf, Said } from '../processor/fixtures.ts'

const DIE_AT = new URL('die-at.mjs', import.meta.url).href

/** The built processor in its own process, which can be killed and restarted with the same state directory. */
export class KillableProcessor {
  /** The output of all its processes, in order. */
  readonly said = new Said()
  readonly #args: string[]
  readonly #ids: string[] = []
  #process: ChildProcess | undefined

  constructor (t: Test, dir: string, ...args: string[]) {
    this.#args = [PROGRAM, 'process', dir, '--allow-any-command', '--state-dir', makeStateDirectory(t), ...args]
    t.teardown(async () => {
      await this.kill()
      killAll(processesOf(this.#ids))
    })
  }

  /** Registers a task whose processes are killed after the test. @returns the id */
  owns (id: string): string {
    this.#ids.push(id)
    return id
  }

  /** Resolves when it claims tasks. @throws if it exits before */
  async start (): Promise<void> {
    const child = this.spawn()
    await withDeadline(this.#untilReady(child), () => this.said.lines)
  }

  async #untilReady (child: ChildProcess): Promise<void> {
    for await (const text of child.stdout!.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      if (this.#hear(text).includes('Processing')) break
    }
    child.stdout!.on('data', (text: string) => this.#hear(text))
    if (child.exitCode !== null) throw new Error(`The processor exited with code ${child.exitCode}: ${this.said.lines.slice(-3).join('\n')}`)
  }

  /**
   * Starts the process without waiting until it is ready.
   * @param dieAt it kills itself before this change of a file (see die-at.mjs)
   */
  spawn (dieAt?: number): ChildProcess {
    const [args, env] = dieAt === undefined ? [[], {}] : [['--import', DIE_AT], { DIE_AT: String(dieAt) }]
    this.#process = spawn(process.execPath, [...args, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', ...env } })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => this.said.warn(text.trim()))
    return this.#process
  }

  signal (signal: NodeJS.Signals): void {
    this.#process!.kill(signal)
  }

  async kill (): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    this.said.info('(killed)')
  }

  #hear (text: string): string {
    for (const line of text.trim().split('\n')) this.said.info(line)
    return text
  }
}
