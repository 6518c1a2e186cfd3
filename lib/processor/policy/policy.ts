import { defined } from '../../util/defined.ts'
import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import { taskVariables, timeoutOf, whyNotRunnable } from '../command/task-input.ts'

/** A user of the system whose rights a command gets. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** How a task is to be run, whatever it runs. */
export interface PlanSettings {
  readonly type: string
  /** Absolute. Default: the processor's. */
  readonly cwd?: string
  /** Comes on top of the processor's environment; for another user, of its `PATH`, `LANG`, `LC_ALL` and `TZ` alone. */
  readonly env: Readonly<Record<string, string>>
  /** Default: the processor's. */
  readonly user?: SystemUser
  /** The smaller one of the task's and its type's. Default: none. */
  readonly timeoutMs?: number
}

/** A program and its arguments, or a text for `sh -c`. */
export type Program =
  | PlanSettings & { readonly argv: readonly [string, ...string[]] }
  | PlanSettings & { readonly shell: string }

/** What to run for a task, or why not, as its `errorMessage`. */
export type Plan = { readonly refused: string } | Program

/** Decides what runs. Tasks are untrusted: anyone who can write to the directory can create them. */
export interface Policy {
  /** Never throws, whatever the task's file holds. */
  plan (task: Task): Plan
  /** How many tasks of a type may run at the same time. Undefined: no limit of its own. */
  concurrencyOf (type: string): number | undefined
  /** What is published of its types. */
  readonly types: readonly TaskType[]
  /** Whether other types run, too. */
  readonly anyType: boolean
  /**
   * For one that can change.
   * @param onChange called when it has
   * @returns ends the watching
   */
  watch? (onChange: () => void): () => void
}

/** Runs the command of every task: whoever can write to the directory can run anything as the processor's user. */
export const anyCommand: Policy = {
  plan (task) {
    const refused = whyNotRunnable(task)
    if (refused !== undefined) return { refused }
    try {
      return { shell: task.command, type: typeOf(task), env: taskVariables(task), ...defined({ timeoutMs: timeoutOf(task) }) }
    } catch {
      return { refused: 'Its config is nested too deeply.' }
    }
  },
  concurrencyOf: () => undefined,
  types: [{ name: 'custom', shell: true }],
  anyType: true
}

/** Files of others may lack a type, or hold anything as one. */
export function typeOf ({ type }: Partial<Task>): string {
  return type === undefined ? 'custom' : typeof type === 'string' ? type : ''
}
