import type { BigIntStats } from 'node:fs'
import type { Task } from '../shared/task-schema.ts'
import { type StoredTask, toStoredTask } from '../shared/stored-task.ts'
import { fileName, MAX_TASK_BYTES } from './file-names.ts'
import { ifExists, readText, UnreadableFile } from './regular-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { replaceFile, type WriteOptions } from './write-file.ts'

/**
 * Reads a task file.
 * @throws UnreadableFile if it does not contain a task with this id; `unfinished` if it may soon
 * @throws the system error otherwise, `ENOENT` included
 */
export async function readTaskFile (directory: TasksDirectory, id: string): Promise<{ task: StoredTask, stats: BigIntStats }> {
  const { text, stats } = await readText(directory, fileName(id, 'json'))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UnreadableFile('it is not valid JSON', { unfinished: true })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UnreadableFile('it is not a JSON object')
  if (!('id' in value) || value.id !== id) throw new UnreadableFile('its id does not match the file name')
  return { task: toStoredTask(value as Task, text), stats }
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
export async function changeTask (directory: TasksDirectory, id: string, fields: Partial<Task>, options: ChangeOptions = {}): Promise<Task | undefined> {
  const current = options.current ?? await readTask(directory, id)
  if (current === undefined) return undefined
  const task = { ...current.task, ...fields }
  await replaceFile(directory, fileName(id, 'json'), formatTask(task), options)
  return task
}

/** The text of a task file: indented JSON, unless only compact JSON is small enough to be read again. */
export function formatTask (task: Task): string {
  const indented = JSON.stringify(task, null, 2) + '\n'
  return Buffer.byteLength(indented) <= MAX_TASK_BYTES ? indented : JSON.stringify(task) + '\n'
}
