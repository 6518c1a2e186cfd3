import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import type { Plan, Policy } from './policy.ts'
import { printable, Refusal, refused } from './refusal.ts'
import { planByRule, type Rule } from './rule.ts'
import { typeOf } from './task-input.ts'

/** The content of a policy file: one rule for each type. */
export class RulePolicy implements Policy {
  readonly anyType = false
  readonly types: readonly TaskType[]
  /** A map, so that a type named `constructor` is like any other. */
  readonly #rules: ReadonlyMap<string, Rule>

  constructor (rules: ReadonlyMap<string, Rule>) {
    this.#rules = rules
    this.types = [...rules.values()].map(({ published }) => published)
  }

  plan (task: Task): Plan {
    if (task.type !== undefined && typeof task.type !== 'string') return refused('the type must be a string.')
    const type = typeOf(task)
    const rule = this.#rules.get(type)
    if (rule === undefined) return refused(`the policy has no type "${printable(type, 100)}".`)
    try {
      return planByRule(rule, task)
    } catch (error) {
      // any other error: validation or serialisation overflowed the stack
      return refused(error instanceof Refusal ? error.message : 'the config is nested too deeply.')
    }
  }

  concurrencyOf (type: string): number | undefined {
    return this.#rules.get(type)?.published.concurrency
  }

  /** The working directories that the rules name. */
  get workingDirectories (): string[] {
    return [...this.#rules.values()].flatMap(({ cwd }) => cwd ?? [])
  }
}
