import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { makeStateDirectory } from '../processor/fixtures.ts'
import { PROGRAM } from '../program.ts'

export interface Exit {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves when the program has printed that text; rejects when it exits without it, or after 60 s. */
  printed (text: string): Promise<void>
  readonly exit: Promise<Exit>
}

/** Starts the built `fastify-tasks` with these arguments. It is killed at the end of the test. */
export function runProgram (t: Test, ...args: string[]): RunningProgram {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: makeStateDirectory(t) }
  })
  t.teardown(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text })
  const exit = once(child, 'close').then(([code]) => ({ code, stdout, stderr }))
  return {
    child,
    exit,
    async printed (text) {
      const deadline = AbortSignal.timeout(60_000)
      let hasExited = false
      exit.then(() => { hasExited = true })
      while (!stdout.includes(text)) {
        if (hasExited || deadline.aborted) throw new Error(`"${text}" was not printed ${hasExited ? 'before the exit' : 'within 60 s'}. Output: ${stdout}${stderr}`)
        await Promise.race([once(child.stdout, 'data', { signal: deadline }).catch(() => {}), exit])
      }
    }
  }
}
