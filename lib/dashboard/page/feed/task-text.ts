import type { TaskSummary } from '../../../client/index.ts'
import { compactJson } from '../ui/json.ts'

/** Replaces a value that cannot be shown. */
const TOO_DEEP = '(nested too deeply to be shown)'

/**
 * The JSON text of a task. Fields that are nested too deeply for the browser are replaced, because a server other than ours
 * may send them, and one such task must not keep the others from the pages.
 */
export function taskText (task: TaskSummary): string {
  return compactJson(task) ?? JSON.stringify(Object.fromEntries(
    Object.entries(task).map(([name, value]) => [name, value === undefined || compactJson(value) !== undefined ? value : TOO_DEEP])
  ))
}
