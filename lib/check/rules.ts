import { parseTime } from '../util/parse-time.ts'
import type { TObject } from '@sinclair/typebox'
import { isActive, isTaskId, isTerminal, TASK_ID_MAX_LENGTH } from '../shared/task.ts'
import { compileCheck } from '../shared/validation.ts'
import { parseFileName } from '../protocol/file-names.ts'
import { ClaimFileSchema, TaskFileSchema } from '../protocol/schemas.ts'

/** `error`: it breaks the contract. `warning`: legal but odd. `note`: nobody's business. */
export type Severity = 'error' | 'warning' | 'note'

/** What is wrong with a file, in words that follow its name. */
export interface Fault {
  readonly severity: Severity
  readonly message: string
}

export const error = (message: string): Fault => ({ severity: 'error', message })
export const warning = (message: string): Fault => ({ severity: 'warning', message })
export const note = (message: string): Fault => ({ severity: 'note', message })

type Fields = Record<string, unknown>

const taskFields = checkFields(TaskFileSchema)
const claimFields = checkFields(ClaimFileSchema)

/** What breaks the contract in a task's file; its id is its name. */
export function checkTask (task: Fields, processorLives: boolean): Fault[] {
  const faults = taskFields(task)
  const isKnown = isActive(task.status as string) || isTerminal(task.status as string)
  return isKnown ? [...faults, ...checkState(task, processorLives)] : faults
}

function checkState (task: Fields, processorLives: boolean): Fault[] {
  const { status, startedAt, completedAt, exitCode } = task
  const faults: Fault[] = []
  if (isActive(status as string)) {
    if (completedAt != null) faults.push(error(`it is ${status}, but has a completedAt`))
    if (exitCode != null) faults.push(error(`it is ${status}, but has an exitCode`))
  } else if (completedAt == null) {
    faults.push(error(`it is ${status}, but has no completedAt`))
  }
  // not an error: a clock may have been set back
  if ((parseTime(startedAt) ?? NaN) > (parseTime(completedAt) ?? NaN)) faults.push(warning('its startedAt is later than its completedAt'))
  if (status === 'running' && !processorLives) faults.push(warning('it is running, but no processor lives'))
  return faults
}

/** What breaks the contract in a claim's text. */
export function checkClaim (text: string): Fault[] {
  return checkObject(text, claimFields)
}

/** What breaks the contract in what a processor says of itself. */
export function checkInfo (text: string): Fault[] {
  return checkObject(text, ({ types }) => Array.isArray(types) ? [] : [error('its types must be a list')])
}

function checkObject (text: string, check: (fields: Fields) => Fault[]): Fault[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return [error('it is not JSON')]
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? check(value as Fields) : [error('it is not a JSON object')]
}

/** The lock's text: a pid, perhaps a line with the heartbeat's nonce, and whatever later versions add. */
export function checkLock (text: string): Fault[] {
  const [pid, heartbeat = ''] = text.split('\n')
  if (!/^[1-9]\d{0,9}$/.test(pid!)) return [error('its first line is not a process id')]
  return heartbeat === '' || /^heartbeat \S+$/.test(heartbeat) ? [] : [error('its second line is not "heartbeat <nonce>"')]
}

/** A processor's lock that was not touched for so long, by the wall clock: a single look can't see a heartbeat. */
const LOCK_STALE_MS = 10_000

/** Without a heartbeat, from an older processor, its existence says that it lives. */
export function isStaleLock (text: string, ageMs: number): boolean {
  return /^heartbeat /m.test(text) && ageMs > LOCK_STALE_MS
}

/** What is odd about a file beside a task in that state; undefined: there is no task. */
export function checkBeside (kind: 'log' | 'claim' | 'cancel', status: string | undefined): Fault[] {
  if (status === undefined) return [warning('it has no task')]
  return kind !== 'log' && isTerminal(status) ? [warning('its task has ended')] : []
}

/** A name that stands for no file of the contract. Names that begin with a dot are free. */
export function checkName (name: string): Fault[] {
  if (name.startsWith('.') || parseFileName(name) !== undefined) return []
  const id = /^(task_.*)\.(json|log|claim|cancel)$/is.exec(name)?.[1]
  if (id === undefined) return [note('not part of the protocol')]
  if (id.length > TASK_ID_MAX_LENGTH) return [error(`its id is longer than ${TASK_ID_MAX_LENGTH} characters`)]
  return [error(isTaskId(id) ? 'its extension is not lower case' : 'its id is not of the form task_<digits>_<letters and digits>')]
}

/** Each field has its own check, so that each that is wrong is told. */
function checkFields ({ properties, required = [] }: TObject): (value: Fields) => Fault[] {
  const checks = Object.entries(properties).map(([field, schema]) => [field, compileCheck(schema)] as const)
  return (value) => checks.flatMap(([field, check]) => {
    if (value[field] === undefined) return required.includes(field) ? [error(`it has no ${field}`)] : []
    const problem = check(value[field])
    return problem === undefined ? [] : [error(`its ${field} ${problem.message}, not ${quote(value[field])}`)]
  })
}

const LONGEST_QUOTE = 60

function quote (value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}…`
}
