import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { wakeProcessor } from '../../lib/directory/wake-processor.ts'
import { PROGRAM } from '../program.ts'
import { enqueue, makeDirectory, until } from './fixtures.ts'

/** A program that implements the file contract. All take the same arguments. */
export interface ProcessorProgram {
  readonly name: string
  readonly command: readonly [program: string, ...args: string[]]
  /** The reason why it cannot be tested here. */
  readonly skip: string | false
}

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

export const PROGRAMS: readonly ProcessorProgram[] = [
  { name: 'Node.js', command: [process.execPath, PROGRAM, 'process'], skip: false },
  { name: 'bash', command: ['bash', path('examples/processor.sh')], skip: whyNoBash() }
]

function whyNoBash (): string | false {
  try {
    execFileSync('bash', ['-c', 'type jq setsid && (( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404 ))'], { stdio: 'ignore' })
    return false
  } catch {
    return 'bash 4.4, jq or setsid is missing'
  }
}

/** A tasks directory, and a state directory. */
export interface Place {
  readonly dir: string
  readonly state: string
}

export async function makePlace (t: Test): Promise<Place> {
  const root = makeDirectory(t)
  const place = { dir: join(root, 'tasks'), state: join(root, 'state') }
  await Promise.all([mkdir(place.dir), mkdir(place.state, { mode: 0o700 })])
  return place
}

export interface RunningProgram {
  readonly child: ChildProcess
  /** Resolves when it holds the directory's lock; rejects if it exits before. */
  ready (): Promise<unknown>
  readonly ended: Promise<{ code: number | null, output: string }>
}

/** Starts a processor as a separate process. It is stopped, with its commands, when the test ends. */
export function startProgram (t: Test, { command: [program, ...args] }: ProcessorProgram, { dir, state }: Place, concurrency = 1): RunningProgram {
  const child = spawn(program, [...args, dir, '--allow-any-command', '--grace', '1000ms', '--concurrency', String(concurrency)], {
    env: { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: state },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text) => { output += text })
  const ended = once(child, 'close').then(([code]) => ({ code, output }))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return {
    child,
    ended,
    ready: () => Promise.race([
      until(dir, async () => await holderOf(dir) === child.pid ? true : undefined),
      ended.then(({ code, output }) => { throw new Error(`the processor exited with code ${code}: ${output}`) })
    ])
  }
}

async function holderOf (dir: string): Promise<number> {
  return parseInt(await readFile(join(dir, '.processor.lock.pid'), 'utf8').catch(() => ''), 10)
}

/** Enqueues a task, and writes its id to the FIFO as the contract allows. */
export async function put (dir: string, fields: Record<string, unknown> = {}): Promise<string> {
  const id = await enqueue(dir, fields)
  await wakeProcessor(dir, id)
  return id
}
