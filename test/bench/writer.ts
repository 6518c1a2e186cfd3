import { closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { taskText } from '../helpers.ts'
import { answer } from './child.ts'
import { now } from './lab.ts'

/** `count` changes, one every `everyMs`. */
export interface Work {
  readonly dir: string
  /** Whose logs grow, in turn. */
  readonly ids: readonly string[]
  readonly from: number
  readonly count: number
  readonly everyMs: number
}

/** What other programs do in the directory, with the times at which they did it. */
answer({}, {
  append: async (work: Work) => {
    const logs = work.ids.map((id) => openSync(join(work.dir, `${id}.log`), 'a'))
    const times = await paced(work, (number) => () => { writeSync(logs[number % logs.length]!, `line #${number}; of some length, as lines of output are\n`) })
    for (const log of logs) closeSync(log)
    return times
  },
  put: async (work: Work) => await paced(work, (number) => {
    const id = `task_${Date.now()}_n${number}`
    const temporary = join(work.dir, `.${id}`)
    writeFileSync(temporary, taskText(id, { number }))
    return () => renameSync(temporary, join(work.dir, `${id}.json`))
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
