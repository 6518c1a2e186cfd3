import { TaskFileSchema } from '../protocol/schemas.ts'
import { isActive, isTerminal } from '../shared/task-status.ts'
import { parseTime } from '../util/parse-time.ts'
import { compileFieldRules, type Fields } from './field-rules.ts'
import { error, warning, type Finding } from './finding.ts'

const checkFields = compileFieldRules(TaskFileSchema)

/**
 * Checks the content of a task file.
 * @param task its id matches the file's name
 * @param processorAlive whether a processor may be running the task
 */
export function checkTask (task: Fields, processorAlive: boolean): Finding[] {
  const findings = checkFields(task)
  const isKnown = isActive(task.status as string) || isTerminal(task.status as string)
  return isKnown ? [...findings, ...checkState(task, processorAlive)] : findings
}

/** Checks the fields that depend on the status. */
function checkState (task: Fields, processorAlive: boolean): Finding[] {
  const { status, startedAt, completedAt, exitCode } = task
  const findings: Finding[] = []
  if (isActive(status as string)) {
    if (completedAt != null) findings.push(error(`it is ${status}, but has a completedAt`))
    if (exitCode != null) findings.push(error(`it is ${status}, but has an exitCode`))
  } else if (completedAt == null) {
    findings.push(error(`it is ${status}, but has no completedAt`))
  }
  // not an error: a clock may have been set back
  if ((parseTime(startedAt) ?? NaN) > (parseTime(completedAt) ?? NaN)) findings.push(warning('its startedAt is later than its completedAt'))
  if (status === 'running' && !processorAlive) findings.push(warning('it is running, but no processor is alive'))
  return findings
}
