import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import { Rerunner } from '../../util/single-flight.ts'
import type { Logger } from '../logger.ts'
import { ProcessorStartError } from '../start-error.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Plan, Policy } from './policy.ts'
import { policyStamp, readPolicyFile } from './read-policy-file.ts'
import type { RulePolicy } from './rule-policy.ts'
import { findSystemUser } from './system-user.ts'
import { watchPolicyFile } from './watch-policy-file.ts'

export interface ReloadingPolicyOptions {
  /** A policy file inside this directory is rejected. */
  readonly tasksDir: string
  readonly logger: Logger
  /** Polling interval in ms, for changes without a file event. Default: 3000. */
  readonly pollIntervalMs?: number
}

interface LoadedPolicy {
  readonly policy: RulePolicy
  /** See `policyStamp`. */
  readonly stamp: string
}

/** The policy in a file, reloaded when the file changes. An invalid file is logged, and the previous policy stays in effect. */
export class ReloadingPolicy implements Policy {
  readonly anyType = false
  readonly #path: string
  readonly #options: ReloadingPolicyOptions
  readonly #reloads = new Rerunner(() => this.#reload())
  readonly #listeners = new Set<() => void>()
  #current: LoadedPolicy
  /** Why the file cannot be used at present. */
  #problem: string | undefined

  private constructor (path: string, options: ReloadingPolicyOptions, current: LoadedPolicy) {
    this.#path = path
    this.#options = options
    this.#current = current
  }

  /** @throws ProcessorStartError whose message describes the problem with the file */
  static async load (path: string, options: ReloadingPolicyOptions): Promise<ReloadingPolicy> {
    try {
      return new ReloadingPolicy(resolve(path), options, await loadPolicy(resolve(path), options))
    } catch (error) {
      throw new ProcessorStartError(`The policy ${path} cannot be used: ${(error as Error).message}`)
    }
  }

  plan (task: Task): Plan {
    return this.#current.policy.plan(task)
  }

  concurrencyOf (type: string): number | undefined {
    return this.#current.policy.concurrencyOf(type)
  }

  get types (): readonly TaskType[] {
    return this.#current.policy.types
  }

  watch (onChange: () => void): () => void {
    const { pollIntervalMs = 3000, logger } = this.#options
    const listener = (): void => onChange()
    this.#listeners.add(listener)
    const stop = watchPolicyFile(this.#path, {
      pollIntervalMs,
      onHint: () => { this.#reloads.request() },
      onLost: (code) => logger.warn(`Cannot watch the policy file (${code}); falling back to polling`)
    })
    return () => {
      this.#listeners.delete(listener)
      stop()
    }
  }

  async #reload (): Promise<void> {
    const { logger } = this.#options
    try {
      // after a problem, the file is read even if its stamp is the same: a mount may be back, or a user may exist now
      if (this.#problem === undefined && await policyStamp(this.#path) === this.#current.stamp) return
      this.#current = await loadPolicy(this.#path, this.#options)
      logger.info(`The policy ${this.#path} ${this.#problem === undefined ? 'was reloaded' : 'is valid again and was reloaded'}`)
      this.#problem = undefined
      for (const onChange of this.#listeners) onChange()
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#problem) logger.warn(`The policy ${this.#path} is invalid; keeping the previous one: ${message}`)
      this.#problem = message
    }
  }
}

async function loadPolicy (path: string, { tasksDir, logger }: ReloadingPolicyOptions): Promise<LoadedPolicy> {
  // taken before the file is read: a change during the reading is found by the next reload
  const stamp = await policyStamp(path)
  const policy = await parsePolicy(await readPolicyFile(path, tasksDir), findSystemUser)
  for (const dir of policy.workingDirectories) {
    const isDirectory = await stat(dir).then((stats) => stats.isDirectory(), () => false)
    if (!isDirectory) logger.warn(`The policy ${path} uses the working directory ${dir}, which does not exist`)
  }
  return { policy, stamp }
}
