import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

type Answers = Record<string, (argument: any) => unknown>

/** In a child process: the argument that the parent passed to `Child.start`. */
export function startedWith<T> (): T {
  return JSON.parse(process.argv[2]!) as T
}

/** In a child process: reports that it is ready, then answers questions until the parent disconnects. */
export function answer (ready: unknown, answers: Answers): void {
  process.on('message', async ({ question, argument }: { question: string, argument: unknown }) => {
    process.send!({ answer: await answers[question]!(argument) })
  })
  process.on('disconnect', () => process.exit())
  process.send!({ answer: ready })
}

/** CPU time of this process so far, in µs. */
export function cpu (): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** A child process of the bench, in its parent. */
export class Child<Ready = unknown> {
  readonly #process: ChildProcess
  readonly ready: Ready
  /** Resolves with the exit code or the signal. */
  readonly exited: Promise<string>

  /** @param flags further flags of Node.js */
  static async start<Ready> (file: string, argument: unknown = {}, flags: readonly string[] = []): Promise<Child<Ready>> {
    // plain JavaScript does not need the TypeScript loader
    const loader = file.endsWith('.mjs') ? [] : ['--import=tsx']
    const child = fork(new URL(file, import.meta.url), [JSON.stringify(argument)], { execArgv: [...loader, ...flags] })
    return new Child(child, await answerOf(child) as Ready)
  }

  private constructor (child: ChildProcess, ready: Ready) {
    this.#process = child
    this.ready = ready
    this.exited = once(child, 'exit').then(([code, signal]) => `${code ?? signal}`)
  }

  get pid (): number {
    return this.#process.pid!
  }

  /** Asks a question and waits for the answer. Only one question may be open at a time. */
  async ask<T> (question: string, argument?: unknown): Promise<T> {
    const answered = answerOf(this.#process)
    this.#process.send({ question, argument })
    return await answered as T
  }

  async stop (): Promise<void> {
    this.#process.disconnect()
    await this.exited
  }

  /** Ends a process that may not answer any more. */
  async kill (): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }
}

async function answerOf (child: ChildProcess): Promise<unknown> {
  const ended = new AbortController()
  const failed = once(child, 'exit', { signal: ended.signal }).then(([code]) => { throw new Error(`A process of the bench exited with code ${code}`) })
  failed.catch(() => {})
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: ended.signal }), failed]) as [{ answer: unknown }]
    return message.answer
  } finally {
    ended.abort()
  }
}
