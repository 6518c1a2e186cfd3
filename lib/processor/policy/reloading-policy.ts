import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FileEvents } from '../../util/file-events.ts'
import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import type { Logger } from '../logger.ts'
import { ProcessorStartError } from '../start-error.ts'
import type { RulePolicy } from './rule-policy.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Plan, Policy } from './policy.ts'
import { policyStamp, readPolicyText } from './read-policy.ts'
import { findSystemUser } from './system-user.ts'

export interface ReloadingPolicyOptions {
  /** A policy in there is refused. */
  readonly tasksDir: string
  readonly logger: Logger
  /** How often the file is looked at where nothing else tells of changes, in ms. Default: 3000. */
  readonly pollIntervalMs?: number
}

/** Debounce: editors save in several steps. */
const CALM_MS = 50

/** The policy that stands in a file, and what it says after each change. One that is wrong changes nothing. */
export class ReloadingPolicy implements Policy {
  readonly anyType = false
  readonly #path: string
  readonly #options: ReloadingPolicyOptions
  #policy!: RulePolicy
  #stamp = ''
  /** Why the file can't be used now. */
  #trouble: string | undefined
  #looking = false
  #hinted = false

  private constructor (path: string, options: ReloadingPolicyOptions) {
    this.#path = resolve(path)
    this.#options = options
  }

  /** @throws ProcessorStartError whose message says what is wrong with the file */
  static async load (path: string, options: ReloadingPolicyOptions): Promise<ReloadingPolicy> {
    const file = new ReloadingPolicy(path, options)
    try {
      await file.#load()
    } catch (error) {
      throw new ProcessorStartError(`The policy ${path} can't be used: ${(error as Error).message}`)
    }
    return file
  }

  plan (task: Task): Plan {
    return this.#policy.plan(task)
  }

  concurrencyOf (type: string): number | undefined {
    return this.#policy.concurrencyOf(type)
  }

  get types (): readonly TaskType[] {
    return this.#policy.types
  }

  watch (onChange: () => void): () => void {
    const { pollIntervalMs = 3000, logger } = this.#options
    let ended = false
    let calm: NodeJS.Timeout | undefined
    const look = () => { this.#look(() => { if (!ended) onChange() }) }
    const hints = new FileEvents(() => {
      clearTimeout(calm)
      calm = setTimeout(look, CALM_MS)
    }, (code) => logger.warn(`Cannot watch the policy file (${code}); falling back to polling`))
    // attached first, so that nothing is missed between the two
    hints.attach(dirname(this.#path))
    look()
    const timer = setInterval(look, pollIntervalMs)
    return () => {
      ended = true
      hints.close()
      clearTimeout(calm)
      clearInterval(timer)
    }
  }

  /** One after the other; each begins after the hint that it follows. */
  async #look (onChange: () => void): Promise<void> {
    this.#hinted = true
    if (this.#looking) return
    this.#looking = true
    while (this.#hinted) {
      this.#hinted = false
      await this.#reload(onChange)
    }
    this.#looking = false
  }

  async #reload (onChange: () => void): Promise<void> {
    const { logger } = this.#options
    try {
      // one that was in trouble is read again in any case: a mount may have come back, or a user been made
      if (this.#trouble === undefined && await policyStamp(this.#path) === this.#stamp) return
      await this.#load()
      logger.info(`The policy ${this.#path} was read ${this.#trouble === undefined ? 'again' : 'again and can be used'}`)
      this.#trouble = undefined
      onChange()
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#trouble) logger.warn(`The policy ${this.#path} is invalid; keeping the previous one: ${message}`)
      this.#trouble = message
    }
  }

  /** The old one stands until the new one is known to be good. */
  async #load (): Promise<void> {
    const stamp = await policyStamp(this.#path)
    const text = await readPolicyText(this.#path, this.#options.tasksDir)
    const policy = await parsePolicy(text, findSystemUser)
    for (const dir of policy.workingDirectories) {
      const isDirectory = await stat(dir).then((stats) => stats.isDirectory(), () => false)
      if (!isDirectory) this.#options.logger.warn(`The policy ${this.#path} names ${dir} as a working directory; there is none`)
    }
    this.#policy = policy
    this.#stamp = stamp
  }
}
