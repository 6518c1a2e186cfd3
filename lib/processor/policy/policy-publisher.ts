import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { Rerunner } from '../../util/single-flight.ts'
import type { Logger } from '../logger.ts'
import type { Policy } from './policy.ts'
import { publishInfo, type PublishedLimits } from './publish-info.ts'

export interface PolicyPublisherOptions {
  readonly directory: TasksDirectory
  readonly policy: Policy
  readonly limits: PublishedLimits
  readonly logger: Logger
  /** Called if the policy could not be published (a full disk). */
  readonly onError: (error: unknown) => void
}

/** Publishes the policy for the web side, now and whenever it changes. The latest policy is published last. */
export class PolicyPublisher {
  readonly #options: PolicyPublisherOptions
  readonly #publications = new Rerunner(() => this.#publish())
  #hasFailed = false
  #unwatch: (() => void) | undefined

  constructor (options: PolicyPublisherOptions) {
    this.#options = options
  }

  start (): void {
    this.#unwatch = this.#options.policy.watch?.(() => this.#publications.request())
    this.#publications.request()
  }

  /** Publishes the policy again if it could not be published the last time. */
  retry (): void {
    if (this.#hasFailed) this.#publications.request()
  }

  /** Stops following the policy's changes. */
  stop (): void {
    this.#unwatch?.()
  }

  /** Resolves when no publication is in progress. */
  async idle (): Promise<void> {
    await this.#publications.idle()
  }

  async #publish (): Promise<void> {
    const { directory, policy, limits, logger, onError } = this.#options
    this.#hasFailed = false
    try {
      const omitted = await publishInfo(directory, policy, limits)
      if (omitted !== undefined) logger.warn(`The policy is too large to publish in full; omitted ${omitted}`)
    } catch (error) {
      this.#hasFailed = true
      onError(error)
    }
  }
}
