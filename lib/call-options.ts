import { inspect } from 'node:util'
import { FST_TASKS_FILTER, FST_TASKS_VALIDATION } from './errors.ts'
import type { FeedFilter } from './feed/filter.ts'
import { MAX_NESTING, nestingOf } from './shared/json-scanner.ts'
import { TASK_STATUSES } from './shared/task-status.ts'
import { isTaskId } from './shared/task-id.ts'
import { NewTaskSchema, type NewTask } from './shared/task-schema.ts'
import { compileCheck } from './util/compile-check.ts'
import { isAbortSignal, isObject, isStringArray } from './util/kinds.ts'
import { unknownName } from './util/names.ts'

// Checks of what a host passes to the methods of `fastify.tasks`. Types cover most mistakes, but not those of JavaScript
// hosts, nor numbers such as -1 and NaN.

/** Characters of a text to search for. */
const MAX_SEARCH_LENGTH = 200
/** Matches that one search may return. */
const MAX_MATCHES = 1000

const checkSchema = compileCheck(NewTaskSchema)

/** @throws FST_TASKS_VALIDATION */
export function checkNewTask (input: NewTask): void {
  const problem = checkSchema(input)
  if (problem !== undefined) throw new FST_TASKS_VALIDATION(`task${problem.path} ${problem.message}`)
  checkJson(input)
}

/** Objects of a program can be what JSON cannot express: circular, a BigInt, or nested so deeply that `JSON.stringify` fails. */
function checkJson (input: NewTask): void {
  let text: string
  try {
    text = JSON.stringify(input)
  } catch (error) {
    throw new FST_TASKS_VALIDATION(`task cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (nestingOf(Buffer.from(text)) > MAX_NESTING) throw new FST_TASKS_VALIDATION(`task is nested more than ${MAX_NESTING} levels deep`)
}

/** @throws FST_TASKS_VALIDATION */
export function checkListQuery (query: { status?: unknown, limit?: unknown, before?: unknown }): void {
  checkNames(query, ['status', 'limit', 'before'])
  const { status, limit, before } = query
  const isStatus = (value: unknown) => TASK_STATUSES.some((each) => each === value)
  if (status !== undefined && !(Array.isArray(status) && status.every(isStatus))) {
    throw invalid('status', `an array of ${TASK_STATUSES.join(', ')}`, status)
  }
  if (limit !== undefined && !isInteger(limit, 1)) throw invalid('limit', 'a positive integer', limit)
  if (before !== undefined && typeof before !== 'string') throw invalid('before', 'the `next` of another page, or a task id', before)
}

/** @throws FST_TASKS_VALIDATION */
export function checkDeleteOptions (options: { force?: unknown }): void {
  checkNames(options, ['force'])
  const { force } = options
  if (force !== undefined && typeof force !== 'boolean') throw invalid('force', 'a boolean', force)
}

/** @throws FST_TASKS_VALIDATION */
export function checkReadLogOptions (options: { start?: unknown, end?: unknown, tail?: unknown }): void {
  checkNames(options, ['start', 'end', 'tail'])
  const { start, end, tail } = options
  checkOffset('start', start)
  checkOffset('end', end)
  if (tail === undefined) return
  if (!isInteger(tail, 0)) throw invalid('tail', 'a number of lines (an integer, at least 0)', tail)
  if (start !== undefined || end !== undefined) throw new FST_TASKS_VALIDATION('tail excludes start and end. Pass either tail, or start and end.')
}

/** @throws FST_TASKS_VALIDATION */
export function checkSearchOptions (text: unknown, options: { before?: unknown, limit?: unknown, signal?: unknown }): void {
  if (typeof text !== 'string' || text === '' || text.length > MAX_SEARCH_LENGTH || /[\r\n\p{Surrogate}]/u.test(text)) {
    throw invalid('text', `1 to ${MAX_SEARCH_LENGTH} characters on one line`, text)
  }
  checkNames(options, ['before', 'limit', 'signal'])
  const { before, limit, signal } = options
  checkOffset('before', before)
  if (limit !== undefined && !(isInteger(limit, 1) && limit <= MAX_MATCHES)) throw invalid('limit', `an integer from 1 to ${MAX_MATCHES}`, limit)
  checkSignal(signal)
}

/** @throws FST_TASKS_VALIDATION */
export function checkFollowOptions (options: { position?: unknown, signal?: unknown }): void {
  checkNames(options, ['position', 'signal'])
  checkOffset('position', options.position)
  checkSignal(options.signal)
}

/** @throws FST_TASKS_FILTER */
export function checkFilter (filter: FeedFilter): void {
  if (!isObject(filter)) throw new FST_TASKS_FILTER(`The filter must be an object such as { tasks: [id], logs: false, where: (task) => true }, not ${show(filter)}.`)
  const unknown = unknownName(filter, ['tasks', 'logs', 'where'])
  if (unknown !== undefined) throw new FST_TASKS_FILTER(unknown)
  const { tasks, logs, where } = filter
  if (tasks !== undefined && !isIdArray(tasks)) throw new FST_TASKS_FILTER(`tasks must be an array of task ids, not ${show(tasks)}.`)
  if (logs !== undefined && typeof logs !== 'boolean' && !isIdArray(logs)) {
    throw new FST_TASKS_FILTER(`logs must be a boolean or an array of task ids, not ${show(logs)}.`)
  }
  if (where !== undefined && typeof where !== 'function') throw new FST_TASKS_FILTER(`where must be a function, not ${show(where)}.`)
}

function isIdArray (value: unknown): boolean {
  return isStringArray(value) && value.every(isTaskId)
}

function checkNames (options: object, known: readonly string[]): void {
  if (!isObject(options)) throw invalid('options', 'an object', options)
  const unknown = unknownName(options, known)
  if (unknown !== undefined) throw new FST_TASKS_VALIDATION(unknown)
}

function checkSignal (value: unknown): void {
  if (value !== undefined && !isAbortSignal(value)) throw invalid('signal', 'an AbortSignal', value)
}

function checkOffset (name: string, value: unknown): void {
  if (value !== undefined && !isInteger(value, 0)) throw invalid(name, 'a byte offset (an integer, at least 0)', value)
}

function isInteger (value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least
}

function invalid (name: string, expected: string, value: unknown): Error {
  return new FST_TASKS_VALIDATION(`${name} must be ${expected}, not ${show(value)}`)
}

function show (value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity }).slice(0, 100)
}
