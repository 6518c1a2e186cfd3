import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { PROGRAM } from '../program.ts'

export interface Spawned {
  readonly child: ChildProcess
  /** Of the processor itself, also where a program stands before it. */
  readonly pid: number
  /** Resolves when it has said so, on either stream. */
  said (text: string): Promise<void>
  kill (signal: NodeJS.Signals): void
  /** Resolves with its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>
}

export interface SpawnOptions {
  readonly env?: Record<string, string>
  /** A program that runs it, with its arguments. */
  readonly before?: string[]
  readonly imports?: string[]
}

/** A processor in a process of its own, ready when this resolves. */
export async function spawnProcessor (t: Test, dir: string, state: string, args: string[] = [], { env = {}, before = [], imports = [] }: SpawnOptions = {}): Promise<Spawned> {
  const [program = '', ...rest] = [
    ...before, process.execPath, ...imports.map((url) => `--import=${url}`),
    PROGRAM, 'process', dir, '--allow-any-command', '--state-dir', state, ...args
  ]
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', ...env } })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  const add = (piece: string) => { text += piece }
  child.stdout!.setEncoding('utf8').on('data', add)
  child.stderr!.setEncoding('utf8').on('data', add)
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal)
  const spawned: Spawned = {
    child,
    pid: child.pid!,
    exited,
    kill: (signal) => child.kill(signal),
    async said (wanted) {
      while (!text.includes(wanted)) {
        const ended = await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data'), exited.then(() => 'ended')])
        if (ended === 'ended' && !text.includes(wanted)) throw new Error(`It ended without saying "${wanted}": ${text}`)
      }
    }
  }
  await spawned.said('Processing')
  return spawned
}
