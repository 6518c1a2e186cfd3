import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fstatSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { ATTEMPT_VARIABLE } from '../os/process-group.ts'
import type { Wrapper } from './wrapper.ts'

/**
 * A longer job takes the way by `spawn`, which tells what is too much for this system. In bytes, a pointer for each
 * string counted, as execve(2) does; all systems allow for twice as much.
 */
const MAX_JOB_BYTES = 65_536
const POINTER_BYTES = 8
/** How long it may take to say what became of a job, in ms; one that takes longer hangs. */
const ANSWER_MS = 10_000

/** What the launcher is asked to start. */
export interface Job {
  /** Descriptors of this process, open for appending; to be kept open until the job was started or refused. */
  readonly record: number
  readonly log: number
  /** Default: undefined, this process's. */
  readonly cwd: string | undefined
  /** Whether it has the variables of this process, too. */
  readonly inherits: boolean
  readonly env: NodeJS.ProcessEnv
  /** What the wrapper takes as its arguments. */
  readonly args: readonly string[]
}

/**
 * A fork server: a separate process that forks command wrappers much faster than Node.js can spawn them. It exits with
 * this process; the wrappers survive. It holds the start gate of every waiting command.
 */
export class ForkServer {
  /** Stands in the environment of what it forks, until that becomes the command. */
  readonly nonce: string
  readonly #child: ChildProcess
  readonly #requests: Duplex
  readonly #reports: Duplex
  readonly #refusals = new Map<string, () => void>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** Of the variables that it was started with, and its jobs inherit. */
  readonly #ownBytes: number
  #closed = false
  #ended = false

  private constructor (child: ChildProcess, nonce: string, ownBytes: number) {
    this.nonce = nonce
    this.#ownBytes = ownBytes
    this.#child = child
    this.#requests = child.stdio[3] as Duplex
    this.#reports = child.stdio[4] as Duplex
    // they break when it is killed from outside, which its end tells
    for (const pipe of [this.#requests, this.#reports]) pipe.on('error', () => {})
  }

  /**
   * @param onLost told when it has ended by itself
   * @returns undefined: it does not run here
   */
  static async start ({ command: [file, ...args] }: Wrapper, onLost: () => void): Promise<ForkServer | undefined> {
    const nonce = randomBytes(16).toString('hex')
    const env = { ...process.env, [ATTEMPT_VARIABLE]: nonce }
    const child = spawn(file, args, {
      detached: true,
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']
    })
    if (child.pid === undefined) {
      child.once('error', () => {})
      return undefined
    }
    const launcher = new ForkServer(child, nonce, bytesOf(variablesOf(env)))
    if (!await launcher.#listen(onLost)) return undefined
    // this process may end while it waits
    for (const handle of [child, launcher.#requests, launcher.#reports] as Array<{ unref (): void }>) handle.unref()
    return launcher
  }

  /**
   * Has a job started, up to its gate; its record tells when it stands there.
   * @param onRefused called if it will not get there
   * @returns false: it can't be asked for that
   */
  start (name: string, { record, log, cwd, inherits, env, args }: Job, onRefused: () => void): boolean {
    const variables = variablesOf(env)
    const strings = [...variables, ...args]
    const size = bytesOf(strings) + (inherits ? this.#ownBytes : 0)
    if (this.#ended || size > MAX_JOB_BYTES || strings.some((text) => text.includes('\0'))) return false
    this.#refusals.set(name, onRefused)
    this.#timers.set(name, setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_MS).unref())
    this.#send('start', name, ...describe(record), ...describe(log), cwd ?? '', inherits ? '1' : '', String(variables.length), ...strings)
    return true
  }

  /** Lets the command of a job begin. */
  open (name: string): void {
    this.#decide('open', name)
  }

  /** Aborts the job at its gate. */
  abandon (name: string): void {
    this.#decide('abandon', name)
  }

  /** The process has exited; jobs it had already forked may still be starting. */
  get ended (): boolean {
    return this.#ended
  }

  close (): void {
    this.#closed = true
    this.#requests.destroy()
  }

  #decide (word: 'open' | 'abandon', name: string): void {
    this.#settle(name)
    this.#send(word, name)
  }

  #send (...fields: string[]): void {
    const body = Buffer.from(fields.join('\0'))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    this.#requests.write(Buffer.concat([length, body]))
  }

  /** Resolves when it is ready; false: it has ended. */
  #listen (onLost: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      let rest = ''
      let ready = false
      this.#reports.setEncoding('latin1').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop()!
        for (const line of lines) {
          if (line !== 'ready') this.#refuse(line.slice('gone '.length))
          ready = true
        }
        resolve(true)
      })
      this.#reports.once('close', () => {
        this.#ended = true
        for (const name of [...this.#refusals.keys()]) this.#refuse(name)
        // it never was ready: that is no loss
        resolve(false)
        if (ready && !this.#closed) onLost()
      })
    })
  }

  #refuse (name: string): void {
    const tell = this.#refusals.get(name)
    this.#settle(name)
    tell?.()
  }

  #settle (name: string): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
    this.#refusals.delete(name)
  }
}

function variablesOf (env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value]) => value === undefined ? [] : `${name}=${value}`)
}

/** As execve(2) counts them. */
function bytesOf (strings: readonly string[]): number {
  return strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1 + POINTER_BYTES, 0)
}

/** Where another process finds an open file, and how it can tell that it is that one. */
function describe (fd: number): [path: string, identity: string] {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return [`/proc/${process.pid}/fd/${fd}`, `${dev}:${ino}`]
}
