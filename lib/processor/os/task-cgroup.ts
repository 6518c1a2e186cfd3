import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTaskId } from '../../shared/task-id.ts'
import { ProcessorStartError } from '../start-error.ts'

/**
 * A cgroup (version 2) for one command. All its descendants stay in it, even those that create their own session.
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

  /** The pids of all processes in it and in the cgroups that they created below it. Empty once it is removed. */
  pids (): number[] {
    return this.#withChildren().flatMap((path) => {
      const text = ignoreErrors(() => readFileSync(join(path, 'cgroup.procs'), 'latin1')) ?? ''
      return text.split('\n').filter(Boolean).map(Number)
    })
  }

  /** Kills all processes atomically. Not available before Linux 5.14, where processes are signalled one by one. */
  kill (): void {
    ignoreErrors(() => writeFileSync(join(this.path, 'cgroup.kill'), '1'))
  }

  /**
   * Call it when it has no processes.
   * @returns false if it still has one
   */
  remove (): boolean {
    for (const path of this.#withChildren().reverse()) ignoreErrors(() => rmdirSync(path))
    return !existsSync(this.path)
  }

  #withChildren (): string[] {
    const below = ignoreErrors(() => readdirSync(this.path, { recursive: true, withFileTypes: true })) ?? []
    return [this.path, ...below.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))]
  }
}

/** The cgroup or its processes may be gone at any time; the next call shows it. */
function ignoreErrors<T> (work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/**
 * The folder of this process's own cgroup. It may create others below it if the cgroup was delegated to it (systemd:
 * `Delegate=yes`).
 * @throws if the system has no cgroup version 2
 */
function ownCgroup (): string {
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  // proc(5): the fourth field is the mounted folder, the fifth the mount point; the type follows " - "
  const mount = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').find((line) => line.includes(' - cgroup2 '))?.split(' ')
  if (own === undefined || mount === undefined) throw new Error('this system has no cgroups of version 2')
  const [root = '', point = ''] = mount.slice(3)
  return join(point, own.startsWith(root) ? own.slice(root.length) : own)
}

/**
 * Removes the cgroups of earlier processors.
 * @returns the folder below which each command gets a cgroup
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
