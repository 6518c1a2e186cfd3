import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { taskText } from '../task-files.ts'
import type { Child } from './child.ts'

/** A row of the table. */
export interface Figure {
  readonly name: string
  readonly figure: string
  readonly wanted?: string
  readonly ok?: boolean
}

const directories: string[] = []
process.on('exit', () => { for (const dir of directories) rmSync(dir, { recursive: true, force: true }) })

/** Makes a directory that is deleted at the end of the bench. */
export function makeDirectory (): string {
  const dir = mkdtempSync(join(tmpdir(), 'fastify-tasks-bench-'))
  directories.push(dir)
  return dir
}

export interface Tasks {
  readonly dir: string
  /** Ids of the running tasks. */
  readonly running: readonly string[]
}

/** Makes a directory of tasks with logs, one hour old. All but `running` of them are completed, or queued and without a log. */
export function makeTasks (count: number, { running = 10, queued = false } = {}): Tasks {
  const dir = makeDirectory()
  const then = Date.now() - 3_600_000
  const ids = Array.from({ length: count }, (_, index) => `task_${then - index}_bench`)
  for (const [index, id] of ids.entries()) {
    const createdAt = new Date(then - index).toISOString()
    const completed = { status: 'completed', startedAt: createdAt, completedAt: createdAt, exitCode: 0 }
    const state = index < running ? { status: 'running', startedAt: createdAt } : queued ? {} : completed
    put(dir, `${id}.json`, taskText(id, { type: 'custom', app: null, config: '', createdAt, ...state }), then)
    if (!queued || index < running) put(dir, `${id}.log`, 'earlier output\n', then)
  }
  utimesSync(dir, then / 1000, then / 1000)
  return { dir, running: ids.slice(0, running) }
}

function put (dir: string, name: string, text: string, then: number): void {
  const path = join(dir, name)
  writeFileSync(path, text)
  utimesSync(path, then / 1000, then / 1000)
}

/** The monotonic clock of the machine, in ms: the same in all processes. */
export function now (): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export function quantile (values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
}

export function median (values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** @throws Error with the text of `missing` if the promise is not settled within one minute */
export async function within (arrival: Promise<void>, missing: () => string): Promise<void> {
  const ended = new AbortController()
  const late = sleep(60_000, undefined, { signal: ended.signal }).then(() => { throw new Error(missing()) })
  try {
    await Promise.race([arrival, late])
  } finally {
    late.catch(() => {})
    ended.abort()
  }
}

/** Waits until a process is idle: less than 3 % CPU for two seconds. */
export async function settled (child: Child): Promise<void> {
  for (let quiet = 0, before = await child.ask<number>('cpu'); quiet < 2;) {
    await sleep(1000)
    const after = await child.ask<number>('cpu')
    quiet = after - before < 30_000 ? quiet + 1 : 0
    before = after
  }
}
