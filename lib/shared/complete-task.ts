import { JsonText } from './json-text.ts'
import { StoredTask } from './stored-task.ts'
import { SUMMARY_FIELDS } from './summary-fields.ts'
import { creationTime } from './task-order.ts'
import { TIME_PATTERN } from './task-schema.ts'

/**
 * The kinds of values that the fields of `TaskSchema` have:
 * `text` and `any` must be there, `text?` and `time?` and `integer?` may be null, `time` is a time in UTC, `limit` is a positive integer or missing.
 */
type Kind = 'text' | 'any' | 'time' | 'text?' | 'time?' | 'integer?' | 'limit'

const FIELDS: ReadonlyArray<readonly [name: string, kind: Kind, missing: string | undefined]> = [
  ['command', 'text', '""'],
  ['type', 'text', '"custom"'],
  ['app', 'text?', 'null'],
  ['config', 'any', '""'],
  ['status', 'text', '"unknown"'],
  ['createdAt', 'time', undefined],
  ['startedAt', 'time?', 'null'],
  ['completedAt', 'time?', 'null'],
  ['heartbeatAt', 'time?', 'null'],
  ['exitCode', 'integer?', 'null'],
  ['errorMessage', 'text?', 'null'],
  ['timeoutMs', 'limit', undefined]
]

/** The times that `TaskSchema` can express: the years 0 to 9999. */
const FIRST_TIME = Date.parse('0000-01-01T00:00:00.000Z')
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')
const UTC_TIME = new RegExp(TIME_PATTERN)

const encoder = new TextEncoder()

/**
 * The text of a task with every field of `TaskSchema`. Programs may write files with fewer fields, or with other types in
 * them: a field that is missing or has another type gets its default value, a time in another time zone is converted to UTC,
 * and a status that is missing is `unknown`. All other fields are kept.
 * @param text an object whose `id` is a task id
 */
export function completeTask (text: JsonText): JsonText {
  const changed = new Map<string, string>()
  const removed: string[] = []
  for (const [name, kind, missing] of FIELDS) {
    if (hasKind(text, name, kind)) continue
    const value = (kind === 'time' || kind === 'time?' ? timeOf(text, name) : undefined) ?? missing
    if (value !== undefined) changed.set(name, value)
    else if (text.has(name)) removed.push(name)
  }
  const kept = removed.length === 0 ? text : text.pick([...text.names].filter((name) => !removed.includes(name)))
  return changed.size === 0 ? kept : kept.set(changed)
}

/**
 * A task for a store of one's own.
 * @param json the JSON text of a task, with or without white space; missing fields get their default values
 * @throws if it is not a JSON object, or nested more than 100 levels deep
 */
export function toStoredTask (json: string): StoredTask {
  return completedTask(JsonText.compact(encoder.encode(json)))
}

/** The task with every field of `TaskSchema`, see `completeTask`. */
export function completedTask (text: JsonText): StoredTask {
  return new StoredTask(completeTask(text))
}

/** The text of a task without `config` and without the fields that `TaskSchema` does not know. */
export function summarize (task: StoredTask): Uint8Array {
  const text = JsonText.of(task.json)
  return text.pick(SUMMARY_FIELDS.filter((name) => text.has(name))).bytes
}

/** Whether there is a value of this kind. Only times and numbers are parsed: this runs for each field of each task file. */
function hasKind (text: JsonText, name: string, kind: Kind): boolean {
  if (!text.has(name)) return false
  if (kind === 'any') return true
  if (kind === 'text') return text.isString(name)
  if (kind === 'text?' && text.isString(name)) return true
  const value = text.scalar(name)
  if (kind === 'time') return isUtcTime(value)
  if (kind === 'limit') return Number.isSafeInteger(value) && (value as number) > 0
  return value === null || (kind === 'time?' && isUtcTime(value)) || (kind === 'integer?' && Number.isSafeInteger(value))
}

function isUtcTime (value: unknown): boolean {
  return typeof value === 'string' && UTC_TIME.test(value)
}

/** A time in JSON; undefined if the field does not have one. `createdAt` then comes from the older field or from the id. */
function timeOf (text: JsonText, name: string): string | undefined {
  const value = text.scalar(name)
  const time = name === 'createdAt'
    ? creationTime({ id: text.scalar('id') as string, createdAt: value, created_at: text.scalar('created_at') })
    : Date.parse(typeof value === 'string' ? value : '')
  return Number.isNaN(time) ? undefined : JSON.stringify(new Date(Math.min(Math.max(time, FIRST_TIME), LAST_TIME)).toISOString())
}
