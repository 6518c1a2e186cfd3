import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveTasks, LogPiece, Task } from '../lib/client/index.ts'
import { toStoredTask } from '../lib/shared/complete-task.ts'

/** A copy of a tasks directory that is built only from the changes of a live collection. */
export class Copy {
  tasks = new Map<string, Task>()
  /** The pieces of each log. */
  readonly logs = new Map<string, Buffer[]>()
  readonly counts = { snapshots: 0, disconnects: 0, truncations: 0, pieces: 0 }
  readonly live: LiveTasks
  readonly #positions = new Map<string, number>()

  constructor (live: LiveTasks) {
    this.live = live
  }

  /**
   * Applies changes until the collection is closed.
   * @param pause called after each change; a promise delays the next one, as a slow consumer does
   */
  async consume (pause: () => Promise<unknown> | undefined): Promise<void> {
    for await (const change of this.live) {
      if (change.type === 'snapshot') this.#replaceAll(change.tasks)
      else if (change.type === 'upsert') this.tasks.set(change.task.id, change.task)
      else if (change.type === 'deleted') this.#delete(change.id)
      else if (change.type === 'log') this.addLog(change.id, change)
      else if (change.type === 'disconnected') this.counts.disconnects++
      await pause()
    }
  }

  /** @throws Error if the piece does not begin where the previous one ended */
  addLog (id: string, { offset, bytes, truncated }: LogPiece): void {
    this.counts.pieces++
    if (truncated === true) {
      this.counts.truncations++
      this.logs.delete(id)
      this.#positions.delete(id)
    }
    const position = this.#positions.get(id) ?? 0
    if (offset !== position) throw new Error(`${id}: a piece at offset ${offset} after ${position} bytes`)
    this.#positions.set(id, position + bytes.length)
    this.logs.set(id, [...this.logs.get(id) ?? [], Buffer.from(bytes)])
  }

  /** Describes the first difference between the copy and the directory; undefined if they are the same. */
  async difference (dir: string): Promise<string | undefined> {
    const names = new Set(await readdir(dir))
    const ids = [...names].filter((name) => /^task_.*\.json$/.test(name)).map((name) => name.slice(0, -5))
    const extra = [...this.tasks.keys()].find((id) => !names.has(`${id}.json`))
    if (extra !== undefined) return `${extra} is not in the directory`
    for (const id of ids) {
      const difference = await this.#taskDifference(dir, id) ?? await this.#logDifference(dir, id, names.has(`${id}.log`))
      if (difference !== undefined) return difference
    }
    return undefined
  }

  async #taskDifference (dir: string, id: string): Promise<string | undefined> {
    const actual = JSON.stringify(this.tasks.get(id))
    const expected = JSON.stringify(toStoredTask(await readFile(join(dir, `${id}.json`), 'utf8')).parse())
    return actual === expected ? undefined : `${id} is ${actual} instead of ${expected}`
  }

  async #logDifference (dir: string, id: string, exists: boolean): Promise<string | undefined> {
    const actual = Buffer.concat(this.logs.get(id) ?? [])
    const expected = exists ? await readFile(join(dir, `${id}.log`)) : Buffer.alloc(0)
    if (actual.equals(expected)) return undefined
    return `the log of ${id} differs at byte ${firstDifference(actual, expected)}, and has ${actual.length} bytes instead of ${expected.length}`
  }

  #replaceAll (tasks: readonly Task[]): void {
    this.counts.snapshots++
    this.tasks = new Map(tasks.map((task) => [task.id, task]))
    for (const id of this.logs.keys()) if (!this.tasks.has(id)) this.#delete(id)
  }

  #delete (id: string): void {
    this.tasks.delete(id)
    this.logs.delete(id)
    this.#positions.delete(id)
  }
}

function firstDifference (a: Buffer, b: Buffer): number {
  let at = 0
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++
  return at
}
