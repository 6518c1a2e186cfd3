import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTaskId } from '../../shared/task-id.ts'
import { ProcessorStartError } from '../start-error.ts'

/**
 * A cgroup (version 2) for one command: what it starts stays in it, also what makes a session of its own.
 * See cgroups(7) and the kernel's admin-guide/cgroup-v2.
 */
export class TaskCgroup {
  readonly path: string

  constructor (path: string) {
    this.path = path
  }

  /** @throws the system's error */
  create (): void {
    mkdirSync(this.path)
  }

  /** All processes in it and in cgroups that they made below it. Empty once it is removed. */
  pids (): number[] {
    return this.#withChildren().flatMap((path) => {
      const text = tolerate(() => readFileSync(join(path, 'cgroup.procs'), 'latin1')) ?? ''
      return text.split('\n').filter(Boolean).map(Number)
    })
  }

  /** Kills all processes atomically. Not available before Linux 5.14, where processes are signalled one by one. */
  kill (): void {
    tolerate(() => writeFileSync(join(this.path, 'cgroup.kill'), '1'))
  }

  /**
   * Call it when no process is left.
   * @returns false: there is still one
   */
  remove (): boolean {
    for (const path of this.#withChildren().reverse()) tolerate(() => rmdirSync(path))
    return !existsSync(this.path)
  }

  #withChildren (): string[] {
    const below = tolerate(() => readdirSync(this.path, { recursive: true, withFileTypes: true })) ?? []
    return [this.path, ...below.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))]
  }
}

/** It may be gone, or its processes may be: the next look tells. */
function tolerate<T> (work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/**
 * The folder of this process's own cgroup, below which it may make others if that was delegated to it (systemd:
 * `Delegate=yes`).
 * @throws where there is no cgroup version 2
 */
function ownCgroup (): string {
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  // proc(5): the fourth field is the folder that is mounted, the fifth where; the type stands behind " - "
  const mount = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((line) => line.includes(' - cgroup2 '))?.split(' ')
  if (own === undefined || mount === undefined) throw new Error('this system has no cgroups of version 2')
  const [root = '', point = ''] = mount.slice(3)
  return join(point, own.startsWith(root) ? own.slice(root.length) : own)
}

/**
 * @returns the folder below which each command gets a cgroup; what earlier processors left there is removed
 * @throws ProcessorStartError
 */
export function prepareCgroups (): string {
  try {
    const own = ownCgroup()
    accessSync(own, constants.W_OK)
    for (const name of readdirSync(own)) if (isTaskId(name.split('.')[0])) new TaskCgroup(join(own, name)).remove()
    return own
  } catch (error) {
    throw new ProcessorStartError(`Cannot create cgroups: ${(error as Error).message}. Under systemd, set Delegate=yes.`)
  }
}
