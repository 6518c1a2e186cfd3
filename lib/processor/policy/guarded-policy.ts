import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import { isThenable } from '../../util/callbacks.ts'
import { isObject } from '../../util/kinds.ts'
import type { Logger } from '../logger.ts'
import { WarnOnce } from '../warn-once.ts'
import type { Plan, Policy } from './policy.ts'
import { refused } from './refusal.ts'

/** A policy whose mistakes do not end the processor: a task for which it fails is refused, and a type has no slot. */
export class GuardedPolicy implements Policy {
  readonly #policy: Policy
  readonly #warnings: WarnOnce

  constructor (policy: Policy, logger: Logger) {
    this.#policy = policy
    this.#warnings = new WarnOnce(logger)
  }

  get types (): readonly TaskType[] {
    return this.#policy.types
  }

  get anyType (): boolean {
    return this.#policy.anyType
  }

  plan (task: Task): Plan {
    return this.#guard(() => this.#policy.plan(task), refused('the policy failed.'), isPlan)
  }

  concurrencyOf (type: string): number | undefined {
    return this.#guard(() => this.#policy.concurrencyOf(type), 0)
  }

  watch (onChange: () => void): () => void {
    return this.#guard(() => this.#policy.watch?.(onChange), undefined) ?? (() => {})
  }

  #guard<T> (call: () => T, otherwise: T, isValid: (result: T) => boolean = () => true): T {
    try {
      const result = call()
      if (isThenable(result)) result.then(undefined, () => {})
      else if (isValid(result)) return result
      throw new TypeError('a method returned a promise, or no plan')
    } catch (error) {
      this.#warnings.warn('The policy failed', error)
      return otherwise
    }
  }
}

function isPlan (value: Plan): boolean {
  return isObject(value) && ('refused' in value || 'argv' in value || 'shell' in value)
}
