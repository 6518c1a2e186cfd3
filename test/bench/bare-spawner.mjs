// Baseline of the processor: spawns shell commands and does nothing else. Plain JavaScript, because a process with the
// compiler loaded is large, and takes twice as long to start another process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const answers = {
  /** @returns the duration of all commands, in ms */
  async run ({ count, concurrency }) {
    let left = count
    const started = performance.now()
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await once(spawn('/bin/sh', ['-c', 'true'], { stdio: 'ignore' }), 'exit')
    }))
    return performance.now() - started
  },
  /** @returns the time until the first byte of output, in ms */
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
