import { defined } from '../../util/defined.ts'
import type { Policy } from './policy.ts'
import { taskVariables, timeoutOf, typeOf, whyNotRunnable } from './task-input.ts'

/** Runs the command of every task: anyone with write access to the directory can run any command as the processor's user. */
export const anyCommand: Policy = {
  plan (task) {
    const refused = whyNotRunnable(task)
    if (refused !== undefined) return { refused }
    try {
      return { shell: task.command, type: typeOf(task), env: taskVariables(task), ...defined({ timeoutMs: timeoutOf(task) }) }
    } catch {
      return { refused: 'The config is nested too deeply.' }
    }
  },
  concurrencyOf: () => undefined,
  types: [{ name: 'custom', shell: true }],
  anyType: true
}
