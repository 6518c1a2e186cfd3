import { isDeepStrictEqual } from 'node:util'
import { FST_TASKS_EXISTS, FST_TASKS_VALIDATION } from './errors.ts'
import { MAX_COMMAND_BYTES, MAX_CONFIG_BYTES } from './shared/command-limits.ts'
import type { StoredTask } from './shared/stored-task.ts'
import { NEW_TASK_DEFAULTS, type NewTask, type Task } from './shared/task-schema.ts'
import type { TaskStore } from './store.ts'
import { defined } from './util/defined.ts'

const CREATOR_FIELDS = ['command', 'type', 'app', 'config', 'timeoutMs'] as const

/** `JSON.stringify` escapes only unpaired surrogates. An even number of backslashes before the sequence is a text of its own. */
const UNPAIRED_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/

/**
 * Adds a task to a store, or returns the existing one with this id and these fields.
 * @param input matches `NewTaskSchema`, and can be written as JSON
 * @param name how error messages call the input
 * @throws FST_TASKS_VALIDATION if no process could be started with the fields, or other programs could not read them
 * @throws FST_TASKS_EXISTS if a task with this id has other fields
 * @throws as the store does
 */
export async function createTask (store: TaskStore, input: NewTask, name: 'body' | 'task'): Promise<{ task: StoredTask, created: boolean }> {
  checkTexts(input, name)
  const { task, created } = await store.create(input)
  const different = created ? [] : differentFields(input, task.parse())
  if (different.length > 0) throw new FST_TASKS_EXISTS(task.id, different.join(', '))
  return { task, created }
}

function checkTexts (input: NewTask, name: string): void {
  const { command } = input
  const commandBytes = Buffer.byteLength(command)
  if (commandBytes > MAX_COMMAND_BYTES) {
    throw new FST_TASKS_VALIDATION(`${name}/command must have at most ${MAX_COMMAND_BYTES} bytes, the limit of the system for an argument, not ${commandBytes}`)
  }
  const texts = Object.entries(input).map(([field, value]) => ({ field, text: jsonOf(value, `${name}/${field}`) }))
  const configBytes = Buffer.byteLength(texts.find(({ field }) => field === 'config')?.text ?? '')
  if (configBytes > MAX_CONFIG_BYTES) {
    throw new FST_TASKS_VALIDATION(`${name}/config must have at most ${MAX_CONFIG_BYTES} bytes as JSON, the limit of the system for a variable, not ${configBytes}`)
  }
  for (const { field, text } of texts) {
    if (!UNPAIRED_SURROGATE.test(text)) continue
    throw new FST_TASKS_VALIDATION(`${name}/${field} must not contain half of a surrogate pair, which UTF-8 cannot express`)
  }
}

/** The JSON text of a field; of a missing one, the empty string. */
function jsonOf (value: unknown, field: string): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined && value !== undefined) throw new FST_TASKS_VALIDATION(`${field} must be any JSON value, not a ${typeof value}`)
  return text ?? ''
}

/** The fields in which an existing task differs from the one that `input` describes. Both are compared as JSON values. */
function differentFields (input: NewTask, existing: Partial<Task>): string[] {
  const [wanted, found] = [input, existing].map((task) => JSON.parse(JSON.stringify({ ...NEW_TASK_DEFAULTS, ...defined(task) })))
  return CREATOR_FIELDS.filter((field) => !isDeepStrictEqual(wanted[field], found[field]))
}
