// The least that Node can do to run a command of the shell. Plain JavaScript: a process that has the compiler loaded is
// large, and takes twice as long to start another one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const answers = {
  /** @returns how long they all took, in ms */
  async run ({ count, concurrency }) {
    let left = count
    const started = performance.now()
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await once(spawn('/bin/sh', ['-c', 'true'], { stdio: 'ignore' }), 'exit')
    }))
    return performance.now() - started
  },
  /** @returns after how many ms the command's first byte was there */
  async firstByte () {
    const started = performance.now()
    const { stdout } = spawn('sh', ['-c', 'echo x'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(stdout, 'data')
    return performance.now() - started
  }
}

process.on('message', async ({ question, argument }) => process.send({ answer: await answers[question](argument) }))
process.on('disconnect', () => process.exit())
process.send({ answer: {} })
