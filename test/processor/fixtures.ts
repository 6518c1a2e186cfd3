import { EventEmitter, once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { ProcessorOptions } from '../../lib/processor/options.ts'
import { TaskProcessor } from '../../lib/processor/processor.ts'
import { errorCode } from '../../lib/util/error-code.ts'
import { Rerunner } from '../../lib/util/single-flight.ts'
import { putTask } from '../task-files.ts'
import { WAIT_MS } from '../wait-for.ts'

export type TaskFile = Record<string, unknown> & { id: string, status: string }

let count = 0

/** A directory that is removed after every other teardown of the test; `t.testdir` alone registers its own in the order of the calls. */
export function makeDirectory (t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {})
  return t.testdir(content)
}

/** One for all processors of a test: each adopts what the one before left. */
export function makeStateDirectory (t: Test): string {
  let root = stateDirectories.get(t.fullname)
  if (root === undefined) {
    root = mkdtempSync(join(tmpdir(), 'fastify-tasks-state-'))
    stateDirectories.set(t.fullname, root)
  }
  return root
}

/** The names of the attempt records that are left. */
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

export interface UntilOptions {
  /** Default: WAIT_MS. */
  readonly timeoutMs?: number
  /** What is waited for, and the state of it, for the error after the timeout. Default: the names in the directory. */
  readonly describe?: () => string
}

/**
 * Resolves with the first value of `ask` that is not undefined. It asks again whenever something changes in the directory.
 * @throws after the timeout, with what `describe` returns
 */
export async function until<T> (dir: string, ask: () => Promise<T | undefined>, { timeoutMs = WAIT_MS, describe }: UntilOptions = {}): Promise<T> {
  const { promise, resolve, reject } = deferred<T>()
  const asking = new Rerunner(async () => {
    try {
      const value = await ask()
      if (value !== undefined) resolve(value)
    } catch (error) {
      reject(error)
    }
  })
  const watcher = watch(dir, () => { asking.request() })
  const timer = setTimeout(() => {
    const state = describe === undefined ? `the directory holds ${readdirSync(dir).join(', ')}` : describe()
    reject(new Error(`no result after ${timeoutMs} ms: ${state}`))
  }, timeoutMs)
  asking.request()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    watcher.close()
  }
}

function deferred<T> (): { promise: Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((_resolve, _reject) => { [resolve, reject] = [_resolve, _reject] })
  return { promise, resolve, reject }
}

/** Resolves with the task when it is finished. */
export async function untilEnded (dir: string, id: string): Promise<TaskFile> {
  let task: TaskFile | undefined
  return await until(dir, async () => {
    task = await readTaskOf(dir, id)
    return ['queued', 'running'].includes(task.status) ? undefined : task
  }, { describe: () => `${id} is not finished: ${JSON.stringify(task)}` })
}

/** Resolves when the log contains that text. */
export async function untilLogged (dir: string, id: string, text: string): Promise<true> {
  let log: string | undefined
  return await until(dir, async () => {
    if (existsSync(join(dir, `${id}.log`))) log = await readLogOf(dir, id)
    return log?.includes(text) === true ? true : undefined
  }, { describe: () => `the log of ${id} does not contain ${JSON.stringify(text)}: ${JSON.stringify(log?.slice(-1000))}` })
}

/** Resolves when no file of the task is left. */
export async function untilGone (dir: string, id: string): Promise<true> {
  return await until(dir, async () => readdirSync(dir).some((name) => name.startsWith(`${id}.`)) ? undefined : true)
}

/** Resolves when there is no such file. */
export async function untilAbsent (dir: string, name: string): Promise<true> {
  return await until(dir, async () => existsSync(join(dir, name)) ? undefined : true)
}

/** The pids of all processes that were started for these tasks, including their wrappers. */
export function processesOf (ids: string | readonly string[]): number[] {
  const all = [ids].flat()
  const variables = new Set(all.map((id) => `TASK_ID=${id}`))
  const logs = all.map((id) => `/${id}.log`)
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').some((variable) => variables.has(variable))) return true
      // a forked wrapper has the environment of its fork server, but it holds the log open
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

/** The processes that are still there after a moment: one that has written everything needs a moment to exit. */
export async function remainingProcessesOf (id: string): Promise<number[]> {
  for (let checks = 0; checks < 100 && processesOf(id).length > 0; checks++) await sleep(10)
  return processesOf(id)
}

/** Kills the processes that still exist: some may exit because another one was killed. */
export function killAll (pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error
    }
  }
}

/** A logger that keeps the lines of a processor, and waits for them. */
export class Said extends EventEmitter {
  readonly lines: string[] = []
  readonly info = (line: string): void => this.#add(line)
  readonly warn = (line: string): void => this.#add(`warning: ${line}`)

  #add (line: string): void {
    this.lines.push(line)
    this.emit('line')
  }

  async until (text: string): Promise<void> {
    await this.#untilLine((line) => line.includes(text), JSON.stringify(text))
  }

  async untilMatch (pattern: RegExp): Promise<void> {
    await this.#untilLine((line) => pattern.test(line), String(pattern))
  }

  async #untilLine (matches: (line: string) => boolean, wanted: string): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS)
    while (!this.lines.some(matches)) {
      await once(this, 'line', { signal }).catch(() => {
        throw new Error(`no line of the processor has ${wanted}:\n${this.lines.join('\n')}`)
      })
    }
  }
}

/** Starts a processor that is stopped, with all its commands, when the test ends. */
export async function startProcessor (t: Test, dir: string, options: ProcessorOptions = {}): Promise<{ processor: TaskProcessor, said: Said }> {
  const said = new Said()
  const processor = new TaskProcessor(dir, { graceMs: 300, stateDir: makeStateDirectory(t), ...options, logger: said })
  t.teardown(() => processor.stop({ now: true }))
  await processor.start()
  return { processor, said }
}
