import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'

/** A user of the system with whose privileges a command runs. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** How a program runs. */
export interface ProgramSettings {
  readonly type: string
  /** Absolute path. Default: the processor's working directory. */
  readonly cwd?: string
  /** Added to the environment of the processor; for another user, to its `PATH`, `LANG`, `LC_ALL` and `TZ` only. */
  readonly env: Readonly<Record<string, string>>
  /** Default: the processor's user. */
  readonly user?: SystemUser
  /** In ms. Default: no time limit. */
  readonly timeoutMs?: number
}

/** A program with its arguments, or a text for `sh -c`. */
export type Program =
  | ProgramSettings & { readonly argv: readonly [string, ...string[]] }
  | ProgramSettings & { readonly shell: string }

/** The program that runs a task, or the reason why it must not run, which becomes its `errorMessage`. */
export type Plan = { readonly refused: string } | Program

/** Decides what runs. Tasks are untrusted: anyone with write access to the directory can create them. */
export interface Policy {
  /**
   * Never throws, whatever the fields of the task contain.
   * @param task without custom fields that are arrays or objects of more than 128 KiB, if it has any
   */
  plan (task: Task): Plan
  /** Maximum number of running tasks of a type. Undefined: only the processor's own limit applies. */
  concurrencyOf (type: string): number | undefined
  /** The task types that are published for forms. */
  readonly types: readonly TaskType[]
  /** Whether tasks of other types may run as well. */
  readonly anyType: boolean
  /**
   * For a policy that can change.
   * @param onChange called after each change
   * @returns a function that stops watching
   */
  watch? (onChange: () => void): () => void
}
