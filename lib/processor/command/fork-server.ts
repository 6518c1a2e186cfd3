import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fstatSync } from 'node:fs'
import type { Socket } from 'node:net'
import { ATTEMPT_VARIABLE } from '../os/process-group.ts'
import type { WrapperJob } from './wrapper-job.ts'

/**
 * The fork server declines a larger job; `spawn` then reports whether it is too large for the system. In bytes, including
 * a pointer for each string, as execve(2) counts; all systems allow at least twice as much.
 */
const MAX_JOB_BYTES = 65_536
const POINTER_BYTES = 8
/** The fork server is hung if it does not answer a job within this time, in ms. */
const ANSWER_TIMEOUT_MS = 10_000

/** A job whose start gate is neither opened nor aborted yet. */
interface PendingJob {
  readonly onRefused: () => void
  readonly timer: NodeJS.Timeout
}

/**
 * A fork server: a separate process that forks command wrappers much faster than Node.js can spawn them. It exits with
 * this process; the wrappers survive. It holds the start gate of every waiting command.
 *
 * Requests (descriptor 3 of the process): fields separated by NUL, after their length (4 bytes, big-endian): `fork` with
 * a job's name and parts, `open NAME`, `abort NAME`. Reports (descriptor 4), by line: `ready`, `refused NAME`.
 */
export class ForkServer {
  /** The value of `ATTEMPT_VARIABLE` in the environment of the forked processes, until they execute the command. */
  readonly nonce: string
  readonly #child: ChildProcess
  readonly #requests: Socket
  readonly #reports: Socket
  readonly #pending = new Map<string, PendingJob>()
  /** The size of the environment that forked processes inherit. */
  readonly #environmentBytes: number
  #phase: 'starting' | 'ready' | 'closed' | 'exited' = 'starting'

  private constructor (child: ChildProcess, nonce: string, environmentBytes: number) {
    this.nonce = nonce
    this.#environmentBytes = environmentBytes
    this.#child = child
    this.#requests = child.stdio[3] as Socket
    this.#reports = child.stdio[4] as Socket
    // the pipes break if another process kills it; the closed report pipe then shows its exit
    for (const pipe of [this.#requests, this.#reports]) pipe.on('error', () => {})
  }

  /**
   * @param command the program and its arguments (see `Wrapper.forkServer`)
   * @param onExit called if it exits before `close`
   * @returns undefined if it cannot run on this system
   */
  static async start ([file, ...args]: readonly [string, ...string[]], onExit: () => void): Promise<ForkServer | undefined> {
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
    const server = new ForkServer(child, nonce, sizeOf(variablesOf(env)))
    if (!await server.#listen(onExit)) return undefined
    // it must not keep this process running
    for (const handle of [child, server.#requests, server.#reports]) handle.unref()
    return server
  }

  /**
   * Requests a wrapper, up to its start gate; the attempt record shows when it is there.
   * @param onRefused called if it will not get there
   * @returns false if it declines the job: nothing was requested
   */
  fork (name: string, { record, log, cwd, inherits, env, args }: WrapperJob, onRefused: () => void): boolean {
    const variables = variablesOf(env)
    const strings = [...variables, ...args]
    const size = sizeOf(strings) + (inherits ? this.#environmentBytes : 0)
    if (this.hasExited || size > MAX_JOB_BYTES || strings.some((text) => text.includes('\0'))) return false
    this.#pending.set(name, { onRefused, timer: setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS).unref() })
    this.#send('fork', name, ...locate(record), ...locate(log), cwd ?? '', inherits ? '1' : '', String(variables.length), ...strings)
    return true
  }

  /** Starts the command of a job that waits at its start gate. */
  open (name: string): void {
    this.#settle(name)
    this.#send('open', name)
  }

  /** Aborts a job at its start gate. */
  abort (name: string): void {
    this.#settle(name)
    this.#send('abort', name)
  }

  /** The process has exited; jobs it had already forked may still be starting. */
  get hasExited (): boolean {
    return this.#phase === 'exited'
  }

  /** Makes it exit. Waiting commands never start; running ones continue. */
  close (): void {
    if (this.#phase !== 'exited') this.#phase = 'closed'
    this.#requests.destroy()
  }

  #send (...fields: string[]): void {
    const body = Buffer.from(fields.join('\0'))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    this.#requests.write(Buffer.concat([length, body]))
  }

  /** Resolves with true when it is ready, and with false if it exits before. */
  #listen (onExit: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      let partialLine = ''
      this.#reports.setEncoding('latin1').on('data', (text: string) => {
        const lines = (partialLine + text).split('\n')
        partialLine = lines.pop()!
        for (const line of lines) this.#onReport(line)
        resolve(true)
      })
      this.#reports.once('close', () => {
        const wasReady = this.#phase === 'ready'
        this.#phase = 'exited'
        for (const name of [...this.#pending.keys()]) this.#refuse(name)
        resolve(false)
        if (wasReady) onExit()
      })
    })
  }

  #onReport (line: string): void {
    if (line !== 'ready') this.#refuse(line.slice('refused '.length))
    else if (this.#phase === 'starting') this.#phase = 'ready'
  }

  #refuse (name: string): void {
    const job = this.#pending.get(name)
    this.#settle(name)
    job?.onRefused()
  }

  #settle (name: string): void {
    clearTimeout(this.#pending.get(name)?.timer)
    this.#pending.delete(name)
  }
}

function variablesOf (env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, value]) => value === undefined ? [] : `${name}=${value}`)
}

/** In bytes, as execve(2) counts. */
function sizeOf (strings: readonly string[]): number {
  return strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1 + POINTER_BYTES, 0)
}

/** The path by which another process can open the same file, and the identity by which it can verify that. */
function locate (fd: number): [path: string, identity: string] {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return [`/proc/${process.pid}/fd/${fd}`, `${dev}:${ino}`]
}
