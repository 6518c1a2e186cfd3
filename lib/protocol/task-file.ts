import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { indentJson } from '../shared/indent-json.ts'
import { JsonTextError } from '../shared/json-scanner.ts'
import { JsonText } from '../shared/json-text.ts'
import { StoredTask } from '../shared/stored-task.ts'
import type { Task } from '../shared/task-schema.ts'
import { defined } from '../util/defined.ts'
import { withoutByteOrderMark } from '../util/byte-order-mark.ts'
import { fileName, MAX_NEW_TASK_BYTES } from './file-names.ts'
import { readNow } from './read-now.ts'
import { ifExists, readBytes, UnreadableFile } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { replaceFile, type WriteOptions } from './write-file.ts'

/** A longer JSON text is written without indentation. */
const MAX_INDENTED_LENGTH = 8 * 1024

const decoder = new TextDecoder()

/**
 * Reads a task file.
 * @throws UnreadableFile if it does not contain a task with this id; `unfinished` if it may soon
 * @throws the system error otherwise, `ENOENT` included
 */
export async function readTaskText (directory: TasksDirectory, id: string): Promise<{ text: JsonText, stats: BigIntStats }> {
  const { bytes, stats } = await readBytes(directory, fileName(id, 'json'))
  return { text: taskText(bytes, id), stats }
}

/**
 * Reads a task file by blocking calls, see `readNow`.
 * @returns undefined if it cannot be used; `readTaskText` finds out why
 */
export function readTaskNow ({ path }: TasksDirectory, id: string): { text: JsonText, stats: BigIntStats } | undefined {
  try {
    const { bytes, stats } = readNow(`${path}/${fileName(id, 'json')}`)
    return { text: taskText(bytes, id), stats }
  } catch {
    return undefined
  }
}

/**
 * @param bytes they are overwritten
 * @throws UnreadableFile
 */
function taskText (bytes: Buffer, id: string): JsonText {
  const text = compact(bytes)
  if (!text.isObject) throw new UnreadableFile('it is not a JSON object')
  if (text.scalar('id') !== id) throw new UnreadableFile('its id does not match the file name')
  // its file would grow beyond the limit when it is claimed
  if (text.scalar('status') === 'queued' && text.bytes.length > MAX_NEW_TASK_BYTES) throw new UnreadableFile('it is too large for the fields that a processor adds')
  return text
}

/** @param bytes they are overwritten */
function compact (bytes: Buffer): JsonText {
  const content = withoutByteOrderMark(bytes)
  try {
    return JsonText.compact(isUtf8(content) ? content : Buffer.from(content.toString('utf8')))
  } catch (error) {
    if (error instanceof JsonTextError) throw new UnreadableFile(error.message, { unfinished: error.problem === 'not-json' })
    throw error
  }
}

/** Like `readTaskText`. */
export async function readTaskFile (directory: TasksDirectory, id: string): Promise<{ task: StoredTask, stats: BigIntStats }> {
  const { text, stats } = await readTaskText(directory, id)
  return { task: new StoredTask(text), stats }
}

/** Like `readTaskFile`, without stats. @returns undefined if there is no file */
export async function readTask (directory: TasksDirectory, id: string): Promise<StoredTask | undefined> {
  return (await ifExists(readTaskFile(directory, id)))?.task
}

/** Identifies a version of a file: equal fingerprints mean equal content, unless the file changed twice within one clock tick. */
export function fingerprintOf ({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`
}

export interface ChangeOptions extends WriteOptions {
  /** The task, if the caller has just read it. Default: the file is read. */
  readonly current?: StoredTask
}

/**
 * Changes fields of a task and preserves all others. Only the program that holds the claim, or the processor that runs the
 * task, may call it.
 * @returns the changed task; undefined if the file does not exist: it is not created again
 * @throws UnreadableFile if the task file cannot be used
 * @throws the system error
 */
export async function changeTask (directory: TasksDirectory, id: string, fields: Partial<Task>, options: ChangeOptions = {}): Promise<StoredTask | undefined> {
  const current = options.current ?? await readTask(directory, id)
  if (current === undefined) return undefined
  const changes = new Map(Object.entries(defined(fields)).map(([name, value]) => [name, JSON.stringify(value)]))
  const task = new StoredTask(JsonText.of(current.json).set(changes))
  await replaceFile(directory, fileName(id, 'json'), formatTask(decoder.decode(task.json)), options)
  return task
}

/**
 * The text of a task file: indented if it is short, because the cost of indenting is the number of values times their depth.
 * @param json without white space
 */
export function formatTask (json: string): string {
  return `${json.length > MAX_INDENTED_LENGTH ? json : indentJson(json)}\n`
}
