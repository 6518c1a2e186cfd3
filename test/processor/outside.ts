import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Files outside a tasks directory that a processor must not touch. Their atime shows whether a file was read. */
export class Outside {
  readonly path: string
  readonly #pipe: number
  #before: Record<string, unknown> = {}

  constructor (t: Test, path: string) {
    this.path = path
    mkdirSync(join(path, 'folder'), { recursive: true })
    for (const name of ['secret', 'linked', 'folder/inner']) writeFileSync(join(path, name), `${name} is untouched\n`)
    writeFileSync(join(path, 'lock'), '1\nheartbeat of-another\n')
    writeFileSync(join(path, 'task.json'), JSON.stringify({ id: 'task_1_odd', status: 'queued', command: 'echo from outside' }))
    execFileSync('mkfifo', [join(path, 'pipe')])
    // a reader would consume this byte
    this.#pipe = openSync(join(path, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK)
    t.teardown(() => closeSync(this.#pipe))
    writeSync(this.#pipe, 'x')
  }

  /** Call it when all links to its files are created: creating a link changes the file. */
  remember (): void {
    // older than the mtime, so that a mount with relatime updates the atime on the next read, too
    for (const name of ['secret', 'linked', 'folder/inner', 'lock', 'task.json', 'pipe']) utimesSync(join(this.path, name), 1, 2)
    this.#before = this.#stats()
  }

  check (t: Test): void {
    t.strictSame(this.#stats(), this.#before, 'nothing outside was read or written')
    t.equal(readSync(this.#pipe, Buffer.alloc(9), 0, 9, null), 1, 'nothing was read from a pipe outside')
  }

  #stats (): Record<string, unknown> {
    const stats: Record<string, unknown> = {}
    for (const name of (readdirSync(this.path, { recursive: true }) as string[]).sort()) {
      const { mode, uid, gid, mtimeMs, atimeMs, ino } = lstatSync(join(this.path, name))
      const isFolder = (mode & constants.S_IFMT) === constants.S_IFDIR
      stats[name] = { mode, uid, gid, ino, mtimeMs, atimeMs: isFolder ? 0 : atimeMs }
    }
    return stats
  }
}

/** A process in its own session that records the signals it receives. */
export class Bystander {
  readonly pid: number
  /** The content of `/proc/PID/stat`. */
  readonly stat: string
  readonly #signals: string
  readonly #exited: () => boolean

  private constructor (pid: number, signals: string, exited: () => boolean) {
    this.pid = pid
    this.stat = readFileSync(`/proc/${pid}/stat`, 'latin1').trim()
    this.#signals = signals
    this.#exited = exited
  }

  static async start (t: Test, signals: string): Promise<Bystander> {
    const traps = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'CONT'].map((name) => `trap 'echo ${name} >> "$0"' ${name}`).join('; ')
    const child = spawn('sh', ['-c', `${traps}; echo up; while :; do sleep 0.2; done`, signals], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    t.teardown(() => process.kill(-child.pid!, 'SIGKILL'))
    await once(child.stdout, 'data')
    return new Bystander(child.pid!, signals, () => child.exitCode !== null || child.signalCode !== null)
  }

  check (t: Test): void {
    t.notOk(this.#exited(), 'the bystander is alive')
    t.notOk(existsSync(this.#signals), 'the bystander was not signalled')
  }
}
