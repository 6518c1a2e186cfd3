import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Pauses } from './pauses.ts'
import { withDeadline } from './with-deadline.ts'

const OBSERVED = new URL('observed.ts', import.meta.url).href
const MAX_OUTPUT = 10_000

/** A Node.js program in a process of its own, whose event loop is measured. */
export class ObservedProgram {
  readonly pid: number
  readonly #child: ChildProcess
  #output = ''
  #exit: string | undefined

  constructor (path: string, args: readonly string[]) {
    this.#child = fork(path, args, { execArgv: ['--import=tsx', `--import=${OBSERVED}`], env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.pid = this.#child.pid!
    this.#child.once('exit', (code, signal) => { this.#exit = `${code ?? signal}` })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => { this.#output = `${this.#output}${text}`.slice(-MAX_OUTPUT) })
    }
  }

  /** The exit code or the signal, if it has ended. */
  get exit (): string | undefined {
    return this.#exit
  }

  /** The end of what it has printed. */
  get output (): string {
    return this.#output
  }

  /** The pauses since the previous call, or since its start. */
  async pauses (): Promise<Pauses> {
    const answered = once(this.#child, 'message') as Promise<[Pauses]>
    this.#child.send('pauses')
    return (await withDeadline(answered, () => this.#output))[0]
  }

  /** Sends a signal. @returns the exit code or the signal that ended it */
  async stop (signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
    if (this.#exit === undefined) {
      const exited = once(this.#child, 'exit')
      this.#child.kill(signal)
      await withDeadline(exited, () => this.#output)
    }
    return this.#exit!
  }
}
