import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

/** How long a test waits for something that must happen, in ms. Busy machines are slow. */
export const WAIT_MS = 60_000

export interface WaitOptions {
  /**
   * In ms.
   * @default 60000
   */
  readonly timeout?: number
  /**
   * Interval between checks, in ms.
   * @default 20
   */
  readonly every?: number
  /**
   * For the error after the timeout: a description of the condition, or a function that returns what it saw.
   * @default the condition's source
   */
  readonly describe?: string | (() => unknown)
}

/** Waits for a condition that no event announces. Where an event exists, wait for the event. */
export async function waitFor (holds: () => boolean | Promise<boolean>, { timeout = WAIT_MS, every = 20, describe }: WaitOptions = {}): Promise<void> {
  const deadline = performance.now() + timeout
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Not true after ${timeout} ms: ${await description(holds, describe)}`)
    await sleep(every)
  }
}

async function description (holds: () => unknown, describe: WaitOptions['describe']): Promise<string> {
  if (typeof describe === 'string') return describe
  return describe === undefined ? String(holds) : `${holds}; saw ${inspect(await describe(), { depth: 5 })}`
}
