import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeTaskFile } from '../task-files.ts'
import { makeDirectory, median, within, type Figure } from './lab.ts'
import { peakMiB } from './memory.ts'
import { allCompleted, Processor } from './processor.ts'

const QUEUED = 10_000
const STARTS = 4
/** Number of tasks that run at each start, to measure the memory that this needs. */
const RUN = 20

/** Start of a processor in a directory with many queued tasks. */
export async function processorStart (): Promise<Figure[]> {
  const dir = makeDirectory()
  const ids = queueTasks(dir)
  const [delays, peaks]: [number[], number[]] = [[], []]
  for (let start = 0, first = 0; start < STARTS; start++) {
    const processor = new Processor(dir)
    const startedAt = await firstOutput(join(dir, `${ids[first]}.log`))
    await allCompleted(dir, ids.slice(first, first + RUN))
    const peak = peakMiB(processor.pid)
    await processor.stop()
    while (status(dir, ids[first]!) !== 'queued') first++
    // the first start warms up
    if (start > 0) delays.push(startedAt - processor.spawnedAt)
    peaks.push(peak)
  }
  const [delay, peak] = [median(delays), Math.max(...peaks)]
  return [
    { name: 'processor with 10,000 queued tasks: the first command', figure: `${delay.toFixed(0)} ms after the processor's spawn`, wanted: '< 1000 ms', ok: delay < 1000 },
    { name: 'processor with 10,000 queued tasks: its memory', figure: `${peak.toFixed(0)} MB at most`, wanted: '< 150 MB', ok: peak < 150 }
  ]
}

/** @returns the ids, oldest first. Each command prints the time at which it started */
function queueTasks (dir: string): string[] {
  const then = Date.now() - 3_600_000
  return Array.from({ length: QUEUED }, (_, index) => {
    const id = `task_${then + index}_bench`
    const createdAt = new Date(then + index).toISOString()
    writeTaskFile(dir, id, { type: 'custom', app: null, config: '', createdAt, command: 'date +%s%3N' })
    return id
  })
}

/** @returns the time that the command has printed */
async function firstOutput (log: string): Promise<number> {
  let at = NaN
  const poll = async () => {
    while (!(at > 0)) {
      await sleep(5)
      at = Number(textOf(log).split('\n', 1)[0])
    }
  }
  await within(poll(), () => 'No command was started')
  return at
}

/** The content of a file, empty if there is no such file yet. */
function textOf (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function status (dir: string, id: string): string {
  return (JSON.parse(readFileSync(join(dir, `${id}.json`), 'utf8')) as { status: string }).status
}
