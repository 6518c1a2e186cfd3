import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareTask } from '../task-files.ts'
import { answer } from './child.ts'
import { now } from './lab.ts'

/** `count` changes, one every `everyMs`. */
export interface Work {
  readonly dir: string
  /** Tasks whose logs are appended to, in turn. */
  readonly ids: readonly string[]
  readonly from: number
  readonly count: number
  readonly everyMs: number
}

/** A log that grows fast. */
export interface Growing {
  readonly path: string
  readonly bytesPerSecond: number
  readonly seconds: number
  /** Approximate size of one write. */
  readonly writeBytes: number
}

export interface Grown {
  /** Size and SHA-256 of the log. */
  readonly size: number
  readonly hash: string
  /** Time of the last write. */
  readonly at: number
}

/** Changes the directory as other programs do, and returns the times of the changes. */
answer({}, {
  append: async (work: Work) => {
    const logs = work.ids.map((id) => openSync(join(work.dir, `${id}.log`), 'a'))
    const times = await paced(work, (number) => () => { writeSync(logs[number % logs.length]!, `line #${number}; of some length, as lines of output are\n`) })
    for (const log of logs) closeSync(log)
    return times
  },
  grow,
  /** Enqueues without a pause and without fsync. @returns the ids */
  enqueue: ({ dir, count }: { dir: string, count: number }) => Array.from({ length: count }, (_, index) => {
    const id = `task_${Date.now()}_n${index}`
    prepareTask(dir, id, { type: 'custom', app: null, config: '' })()
    return id
  }),
  put: async (work: Work) => await paced(work, (number) => {
    return prepareTask(work.dir, `task_${Date.now()}_n${number}`, { number })
  })
})

async function paced ({ from, count, everyMs }: Work, prepare: (number: number) => () => void): Promise<number[]> {
  const times: number[] = []
  const start = now()
  for (let index = 0; index < count; index++) {
    const act = prepare(from + index)
    await sleep(Math.max(1, start + index * everyMs - now()))
    times.push(now())
    act()
  }
  return times
}

async function grow ({ path, bytesPerSecond, seconds, writeBytes }: Growing): Promise<Grown> {
  const file = openSync(path, 'w')
  const hash = createHash('sha256')
  const start = now()
  let size = 0
  let line = 0
  while (size < bytesPerSecond * seconds) {
    while (size < (now() - start) / 1000 * bytesPerSecond) {
      const bytes = Buffer.from(Array.from({ length: Math.ceil(writeBytes / 1024) }, () => lineOf(line++)).join(''))
      size += writeSync(file, bytes)
      hash.update(bytes)
    }
    await sleep(1)
  }
  closeSync(file)
  return { size, hash: hash.digest('hex'), at: now() }
}

/** 1,021 bytes, so that pieces of 64 KiB end anywhere in a line, and also within a character. */
function lineOf (number: number): string {
  return `${`line ${number} `.padEnd(30)}${'naïve output … '.repeat(55)}\n`
}
