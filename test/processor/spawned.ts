import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { PROGRAM } from '../program.ts'
import { WAIT_MS } from '../wait-for.ts'

export interface Spawned {
  readonly child: ChildProcess
  /** Of the processor itself, also if another program runs it. */
  readonly pid: number
  /** Resolves when the output contains the text, on either stream. */
  said (text: string): Promise<void>
  kill (signal: NodeJS.Signals): void
  /** Resolves with the exit code, or the signal that terminated the process. */
  readonly exited: Promise<number | string>
}

export interface SpawnOptions {
  readonly env?: Record<string, string>
  /** A program that runs the processor, with its arguments. */
  readonly before?: string[]
  readonly imports?: string[]
}

/** Starts a processor as a separate process. Resolves when it is ready. */
export async function spawnProcessor (t: Test, dir: string, state: string, args: string[] = [], { env = {}, before = [], imports = [] }: SpawnOptions = {}): Promise<Spawned> {
  const [program = '', ...rest] = [
    ...before, process.execPath, ...imports.map((url) => `--import=${url}`),
    PROGRAM, 'process', dir, '--allow-any-command', '--state-dir', state, ...args
  ]
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', ...env } })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  const add = (piece: string) => { output += piece }
  child.stdout!.setEncoding('utf8').on('data', add)
  child.stderr!.setEncoding('utf8').on('data', add)
  let hasExited = false
  const exited = once(child, 'close').then(([code, signal]) => {
    hasExited = true
    return code ?? signal
  })
  const spawned: Spawned = {
    child,
    pid: child.pid!,
    exited,
    kill: (signal) => child.kill(signal),
    async said (text) {
      const signal = AbortSignal.timeout(WAIT_MS)
      while (!output.includes(text)) {
        if (hasExited || signal.aborted) throw new Error(`The processor ${hasExited ? 'exited' : 'runs'} without ${JSON.stringify(text)} in its output: ${output}`)
        await Promise.race([once(child.stdout!, 'data', { signal }), once(child.stderr!, 'data', { signal }), exited]).catch(() => {})
      }
    }
  }
  await spawned.said('Processing')
  return spawned
}
