import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProcessGroup } from './process-group.ts'

/**
 * Run by `sh` in a session of its own, so that it outlives the processor. 3: the start signal, 4: reports, 5: the log.
 *
 * `setsid` gives the command a session apart from the wrapper and from `cat`: whatever signals end the command, its
 * exit code is reported and its output written to the end. A real pipe, not the log itself, is its output, or an
 * ordinary `> /dev/stderr` would truncate the log. What `sh` itself has to say ("Terminated") goes nowhere.
 */
const WRAPPER = `
{
  setsid sh -c 'echo "leader $$" >&4 && read -r start <&3 && exec sh -c -- "$1" 2>&1 3<&- 4>&-' sh "$1"
  echo "exit $?" >&4
} 2>/dev/null 5>&- | cat >&5 3<&- 4>&-
`

/** How long is waited for output that a process outside the group can still write, in ms. */
const DRAIN_MS = 5_000
const DRAIN_LOOK_MS = 500

/**
 * One command, its processes and its output. It waits for `start()`: until then it runs nothing, and never will if
 * this process dies.
 *
 * Its standard input is `/dev/null`; its working directory and the rest of its environment are the processor's.
 */
export class Command {
  readonly #wrapper: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #log: FileHandle
  readonly #group: ProcessGroup
  /** The command's exit code, as soon as it has ended; 128 and its number for a signal. Null: nobody knows it. */
  readonly exitCode: Promise<number | null>

  private constructor (wrapper: ChildProcess, exited: Promise<unknown>, log: FileHandle, leader: number, exitCode: Promise<number | null>) {
    this.#wrapper = wrapper
    this.#exited = exited
    this.#log = log
    this.#group = new ProcessGroup(leader)
    this.exitCode = exitCode
  }

  /**
   * Prepares a command for the shell.
   * @param variables added to the processor's environment
   * @param log open for appending; both streams go there. It is closed in any case
   * @throws the system's error where no process can be started, such as `E2BIG`
   */
  static async prepare (command: string, variables: Record<string, string>, log: FileHandle): Promise<Command> {
    try {
      const wrapper = spawn('/bin/sh', ['-c', WRAPPER, 'sh', command], {
        detached: true,
        env: { ...process.env, ...variables },
        stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', log.fd]
      })
      const exited = new Promise((resolve) => wrapper.once('exit', resolve))
      await once(wrapper, 'spawn')
      // it breaks when the wrapper is killed from outside, which shows in the report
      wrapper.stdio[3]!.on('error', () => {})
      const { leader, exitCode } = readReport(wrapper.stdio[4] as Duplex)
      const pid = await leader
      if (pid === undefined) throw new Error('no process could be started for it; is `setsid` installed?')
      return new Command(wrapper, exited, log, pid, exitCode)
    } catch (error) {
      await log.close()
      throw error
    }
  }

  start (): void {
    (this.#wrapper.stdio[3] as Duplex).write('\n')
  }

  /** Lets a command that was not started never run. */
  async abandon (): Promise<void> {
    (this.#wrapper.stdio[3] as Duplex).destroy()
    await this.#log.close()
  }

  /** Whether it has not ended by itself yet. */
  lives (): boolean {
    return this.#group.leaderLives()
  }

  /**
   * Ends all its processes, also those that it left behind: TERM, and KILL after `graceMs`.
   * @returns false: some can't be killed
   */
  end (graceMs: number): Promise<boolean> {
    return this.#group.end(graceMs)
  }

  /**
   * To be called when its processes have ended: resolves when its output is in the log, and nothing more will come.
   * @returns false: the log did not take all of it
   */
  async drain (): Promise<boolean> {
    try {
      if (!await this.#exitsBySelf()) process.kill(-this.#wrapper.pid!, 'SIGKILL')
      await this.#exited
      return this.#wrapper.exitCode === 0 || this.#wrapper.signalCode !== null
    } finally {
      await this.#log.close()
    }
  }

  /** It does so at the end of the output, which a process that left the group can hold open for ever. */
  async #exitsBySelf (): Promise<boolean> {
    let size = -1
    for (const since = performance.now(); performance.now() - since < DRAIN_MS;) {
      const look = new AbortController()
      const waiting = sleep(DRAIN_LOOK_MS, 'waiting', { signal: look.signal }).catch(() => {})
      const exited = await Promise.race([this.#exited.then(() => 'exited'), waiting]) === 'exited'
      look.abort()
      if (exited) return true
      const before = size
      size = (await this.#log.stat()).size
      if (size === before) return false
    }
    return false
  }
}

/** Reads what the wrapper says: the pid of the group's leader, then its exit code. */
function readReport (stream: Duplex): { leader: Promise<number | undefined>, exitCode: Promise<number | null> } {
  let text = ''
  let tellLeader: (pid: number | undefined) => void
  let tellExitCode: (code: number | null) => void
  const leader = new Promise<number | undefined>((resolve) => { tellLeader = resolve })
  const exitCode = new Promise<number | null>((resolve) => { tellExitCode = resolve })
  stream.setEncoding('latin1')
  stream.on('data', (chunk: string) => {
    text += chunk
    const pid = /^leader (\d+)\n/.exec(text)?.[1]
    if (pid !== undefined) tellLeader(Number(pid))
    const code = /^exit (\d+)\n/m.exec(text)?.[1]
    if (code !== undefined) tellExitCode(Number(code))
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    tellLeader(undefined)
    tellExitCode(null)
  })
  return { leader, exitCode }
}
