import { EventEmitter, once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import type { ProcessorOptions } from '../../lib/processor/options.ts'
import { putTask } from '../task-files.ts'

export type TaskFile = Record<string, unknown> & { id: string, status: string }

let count = 0

/** A directory that is removed after what `t.teardown` was told: with `t.testdir` alone, that goes by who came first. */
export function makeDirectory (t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {})
  return t.testdir(content)
}

/** One for all processors of a test: they go on where another one ended. */
export function makeStateDirectory (t: Test): string {
  let root = stateDirectories.get(t.fullname)
  if (root === undefined) {
    root = mkdtempSync(join(tmpdir(), 'fastify-tasks-state-'))
    stateDirectories.set(t.fullname, root)
  }
  return root
}

/** The names of the records of attempts that are not settled. */
export function recordsOf (t: Test): string[] {
  const root = makeStateDirectory(t)
  return readdirSync(root).flatMap((name) => readdirSync(join(root, name))).filter((name) => name.startsWith('task_'))
}

const stateDirectories = new Map<string, string>()
process.on('exit', () => { for (const root of stateDirectories.values()) rmSync(root, { recursive: true, force: true }) })

/** Enqueues a task by the file contract, with every field that a task has. @returns its id */
export async function enqueue (dir: string, { id = uniqueId(), ...fields }: Record<string, unknown> & { readonly id?: string } = {}): Promise<string> {
  await putTask(dir, id, {
    type: 'custom', app: null, config: '', startedAt: null, completedAt: null, heartbeatAt: null, exitCode: null, errorMessage: null, ...fields
  })
  return id
}

function uniqueId (): string {
  return `task_${Date.now()}_t${process.pid}n${count++}`
}

export async function readTaskOf (dir: string, id: string): Promise<TaskFile> {
  return JSON.parse(await readFile(join(dir, `${id}.json`), 'utf8'))
}

export async function readLogOf (dir: string, id: string): Promise<string> {
  return await readFile(join(dir, `${id}.log`), 'utf8')
}

/** Resolves with the first value that is not undefined; asks again whenever something changes in the directory. */
export function until<T> (dir: string, ask: () => Promise<T | undefined>): Promise<T> {
  return new Promise((resolve, reject) => {
    let asking = false
    let again = false
    const fail = (error: unknown) => {
      watcher.close()
      reject(error)
    }
    const look = async () => {
      again = true
      if (asking) return
      asking = true
      while (again) {
        again = false
        const value = await ask()
        if (value === undefined) continue
        watcher.close()
        return resolve(value)
      }
      asking = false
    }
    const watcher = watch(dir, () => { look().catch(fail) })
    look().catch(fail)
  })
}

export function untilEnded (dir: string, id: string): Promise<TaskFile> {
  return until(dir, async () => {
    const task = await readTaskOf(dir, id)
    return ['queued', 'running'].includes(task.status) ? undefined : task
  })
}

/** Resolves when the log holds that text. */
export function untilLogged (dir: string, id: string, text: string): Promise<true> {
  return until(dir, async () => existsSync(join(dir, `${id}.log`)) && (await readLogOf(dir, id)).includes(text) ? true : undefined)
}

export function untilGone (dir: string, id: string): Promise<true> {
  return until(dir, async () => readdirSync(dir).some((name) => name.startsWith(`${id}.`)) ? undefined : true)
}

/** The pids of all living processes that were started for these tasks, their wrappers among them. */
export function processesOf (ids: string | readonly string[]): number[] {
  const all = [ids].flat()
  const variables = new Set(all.map((id) => `TASK_ID=${id}`))
  const logs = all.map((id) => `/${id}.log`)
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').some((variable) => variables.has(variable))) return true
      // a wrapper that was forked has the environment of its fork server, but it holds the log
      return readFileSync(`/proc/${pid}/comm`, 'latin1') === 'perl\n' && opens(pid, logs)
    } catch {
      return false
    }
  })
}

function opens (pid: number, names: readonly string[]): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    const path = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return names.some((name) => path.endsWith(name))
  })
}

/** The pids of the fork servers that a process has started. */
export function forkServersOf (pid = process.pid): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((candidate) => {
    try {
      const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${candidate}/status`, 'latin1'))?.[1])
      return parent === pid && readFileSync(`/proc/${candidate}/cmdline`, 'latin1').startsWith('perl\0')
    } catch {
      return false
    }
  })
}

/** Those that are there even when the last ones have had the time to end: what has written all it has to needs a moment. */
export async function remainingProcessesOf (id: string): Promise<number[]> {
  for (let looks = 0; looks < 100 && processesOf(id).length > 0; looks++) await sleep(10)
  return processesOf(id)
}

/** Kills them, as far as they are still there: with one, others may end. */
export function killAll (pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** What a processor said, and the waiting for it. */
export class Said extends EventEmitter {
  readonly lines: string[] = []
  readonly info = (line: string): void => this.#add(line)
  readonly warn = (line: string): void => this.#add(`warning: ${line}`)

  #add (line: string): void {
    this.lines.push(line)
    this.emit('line')
  }

  async until (text: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(text))) await once(this, 'line')
  }

  async untilMatch (pattern: RegExp): Promise<void> {
    while (!this.lines.some((line) => pattern.test(line))) await once(this, 'line')
  }
}

/** A processor that is gone, with all its commands, when the test has ended. */
export async function startProcessor (t: Test, dir: string, options: ProcessorOptions = {}): Promise<{ processor: TaskProcessor, said: Said }> {
  const said = new Said()
  const processor = new TaskProcessor(dir, { graceMs: 300, stateDir: makeStateDirectory(t), ...options, logger: said })
  t.teardown(() => processor.stop({ now: true }))
  await processor.start()
  return { processor, said }
}
