import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { answer } from './child.ts'

export interface Spawning {
  readonly count: number
  readonly concurrency: number
}

/** The least that Node can do to run a command of the shell. */
answer({}, {
  /** @returns how long they all took, in ms */
  run: async ({ count, concurrency }: Spawning) => {
    let left = count
    const started = performance.now()
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await once(spawn('/bin/sh', ['-c', 'true'], { stdio: 'ignore' }), 'exit')
    }))
    return performance.now() - started
  },
  /** @returns after how many ms the command's first byte was there */
  firstByte: async () => {
    const started = performance.now()
    const { stdout } = spawn('sh', ['-c', 'echo x'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(stdout, 'data')
    return performance.now() - started
  }
})
