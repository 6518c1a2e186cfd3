import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveTasks, LogPiece, Task } from '../lib/client/index.ts'

/** What somebody knows who does no more than take the changes: tasks, and logs byte by byte. */
export class Copy {
  tasks = new Map<string, Task>()
  readonly logs = new Map<string, Buffer[]>()
  readonly counts = { snapshots: 0, disconnects: 0, truncations: 0, pieces: 0 }
  readonly live: LiveTasks
  readonly #positions = new Map<string, number>()

  constructor (live: LiveTasks) {
    this.live = live
  }

  /** @param pause after each change: a slow reader */
  async take (pause: () => Promise<unknown> | undefined): Promise<void> {
    for await (const change of this.live) {
      if (change.type === 'snapshot') this.#replace(change.tasks)
      else if (change.type === 'upsert') this.tasks.set(change.task.id, change.task)
      else if (change.type === 'deleted') this.#delete(change.id)
      else if (change.type === 'log') this.addLog(change.id, change)
      else if (change.type === 'disconnected') this.counts.disconnects++
      await pause()
    }
  }

  addLog (id: string, { offset, bytes, truncated }: LogPiece): void {
    this.counts.pieces++
    if (truncated === true) {
      this.counts.truncations++
      this.logs.delete(id)
      this.#positions.delete(id)
    }
    const position = this.#positions.get(id) ?? 0
    if (offset !== position) throw new Error(`${id}: a piece at ${offset}, after ${position} bytes`)
    this.#positions.set(id, position + bytes.length)
    this.logs.set(id, [...this.logs.get(id) ?? [], Buffer.from(bytes)])
  }

  #replace (tasks: readonly Task[]): void {
    this.counts.snapshots++
    this.tasks = new Map(tasks.map((task) => [task.id, task]))
    for (const id of this.logs.keys()) if (!this.tasks.has(id)) this.#delete(id)
  }

  #delete (id: string): void {
    this.tasks.delete(id)
    this.logs.delete(id)
    this.#positions.delete(id)
  }

  /** The first difference between the copy and the directory; undefined where there is none. */
  async difference (dir: string): Promise<string | undefined> {
    const names = new Set(await readdir(dir))
    const ids = [...names].filter((name) => /^task_.*\.json$/.test(name)).map((name) => name.slice(0, -5))
    const extra = [...this.tasks.keys()].find((id) => !names.has(`${id}.json`))
    if (extra !== undefined) return `${extra} is not in the directory`
    for (const id of ids) {
      const task = JSON.stringify(this.tasks.get(id))
      const file = JSON.stringify(JSON.parse(await readFile(join(dir, `${id}.json`), 'utf8')))
      if (task !== file) return `${id} is ${task} instead of ${file}`
      const log = Buffer.concat(this.logs.get(id) ?? [])
      const bytes = names.has(`${id}.log`) ? await readFile(join(dir, `${id}.log`)) : Buffer.alloc(0)
      if (!log.equals(bytes)) return `the log of ${id} differs at ${firstDifference(log, bytes)}, with ${log.length} bytes instead of ${bytes.length}`
    }
    return undefined
  }
}

function firstDifference (a: Buffer, b: Buffer): number {
  let at = 0
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++
  return at
}
