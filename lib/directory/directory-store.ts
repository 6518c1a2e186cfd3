import { join, resolve } from 'node:path'
import {
  FST_TASKS_ACTIVE, FST_TASKS_ID_TAKEN, FST_TASKS_NOT_ACTIVE, FST_TASKS_NOT_FOUND, FST_TASKS_TOO_LARGE, FST_TASKS_UNREADABLE,
  FST_TASKS_VALIDATION
} from '../errors.ts'
import { readCancelMarker } from '../protocol/cancel-marker.ts'
import { fileName, MAX_NEW_TASK_BYTES } from '../protocol/file-names.ts'
import { refuseForeign } from '../protocol/foreign-file.ts'
import { readProcessorInfo } from '../protocol/processor-info.ts'
import { ifExists, UnreadableFile } from '../protocol/regular-file.ts'
import { formatTask, readTaskText } from '../protocol/task-file.ts'
import { cancelTask, deleteTask } from '../protocol/transitions.ts'
import { createExclusive } from '../protocol/write-file.ts'
import type { NewTask } from '../shared/task-schema.ts'
import { completedTask, toStoredTask } from '../shared/complete-task.ts'
import { JsonText } from '../shared/json-text.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import { isTaskId } from '../shared/task-id.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import type { Interest, LogContent, StoreHealth, StoreLogger, TaskEvent, TaskList, TaskQuery, TaskStore } from '../store.ts'
import { directoryHealth } from './health.ts'
import { openLogContent } from './log/log-content.ts'
import { queuedTask } from './new-task.ts'
import { OpenDirectory } from './open-directory.ts'
import { orStorageError, storageError } from './storage-error.ts'
import { wakeProcessor } from './wake-processor.ts'

/** How often a task is created whose id belongs to a task that is deleted at that moment. */
const MAX_CREATE_ATTEMPTS = 5

/** A store in a directory of plain files. The directory is the source of truth: all state can be read from it again. */
export class DirectoryStore implements TaskStore {
  readonly #path: string
  #opened: OpenDirectory | undefined

  /** @param dir path of the directory; `open` creates it if it is missing */
  constructor (dir: string) {
    this.#path = resolve(dir)
  }

  /** @throws FST_TASKS_DIRECTORY if the directory cannot be created, read and written */
  async open ({ log }: { log: StoreLogger }): Promise<void> {
    this.#opened = await OpenDirectory.open(this.#path, log)
  }

  async close (): Promise<void> {
    await this.#opened?.close()
  }

  async health (): Promise<StoreHealth> {
    const { directory, watcher, processor } = this.#open
    return await directoryHealth(directory, watcher, processor)
  }

  async types (): Promise<TaskTypes> {
    const { types, anyType } = await readProcessorInfo(this.#open.directory)
    return { types, anyType }
  }

  async list (query: TaskQuery): Promise<TaskList> {
    const { watcher, loaded } = this.#open
    await loaded
    return { ...watcher.tasks.list(query), lastEventId: watcher.lastEventId, version: watcher.version }
  }

  async get (taskId: string): Promise<StoredTask | undefined> {
    const { watcher, loaded } = this.#open
    await loaded
    return watcher.tasks.get(taskId)?.task
  }

  async create (input: NewTask): Promise<{ task: StoredTask, created: boolean }> {
    if (input.id !== undefined && !isTaskId(input.id)) throw new FST_TASKS_VALIDATION('body/id must be a task id')
    const task = queuedTask(input)
    const text = formatTask(JSON.stringify(task))
    if (Buffer.byteLength(text) > MAX_NEW_TASK_BYTES) throw new FST_TASKS_TOO_LARGE(MAX_NEW_TASK_BYTES)
    for (let attempt = 1; attempt <= MAX_CREATE_ATTEMPTS; attempt++) {
      // as it was created: by now it may have been started, or deleted
      if (await this.#createFile(task.id, text)) return { task: toStoredTask(text), created: true }
      const existing = await this.#read(task.id, FST_TASKS_ID_TAKEN)
      if (existing !== undefined) return { task: existing, created: false }
      // it has just been deleted
    }
    throw new FST_TASKS_ID_TAKEN(task.id)
  }

  async cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: StoredTask }> {
    const { directory, watcher } = this.#open
    if (!isTaskId(taskId)) throw new FST_TASKS_NOT_FOUND(taskId)
    const cancellation = await orStorageError(cancelTask(directory, taskId))
    await watcher.refresh(taskId)
    const { outcome } = cancellation
    if (outcome === 'finished') throw new FST_TASKS_NOT_ACTIVE(taskId)
    // as it was cancelled: by now it may have been deleted
    const task = outcome === 'cancelled' ? completedTask(JsonText.of(cancellation.task.json)) : await this.#read(taskId)
    if (outcome === 'missing' || task === undefined) throw new FST_TASKS_NOT_FOUND(taskId)
    return { outcome, task }
  }

  async delete (taskId: string, options: { force: boolean }): Promise<void> {
    const { directory, watcher } = this.#open
    if (!isTaskId(taskId)) throw new FST_TASKS_NOT_FOUND(taskId)
    const outcome = await orStorageError(deleteTask(directory, taskId, options))
    await watcher.refresh(taskId)
    if (outcome === 'deleted') return
    const task = outcome === 'active' ? await this.#read(taskId) : undefined
    throw task === undefined ? new FST_TASKS_NOT_FOUND(taskId) : new FST_TASKS_ACTIVE(taskId, task.status ?? 'unknown')
  }

  async readLog (taskId: string, range: { start: number, end?: number }): Promise<LogContent | undefined> {
    if (!isTaskId(taskId)) return undefined
    return await orStorageError(openLogContent(join(this.#open.directory.path, fileName(taskId, 'log')), range))
  }

  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void {
    return this.#open.watcher.subscribe(listener, interest)
  }

  async since (eventId: string): Promise<TaskEvent[] | undefined> {
    return this.#open.watcher.since(eventId)
  }

  get #open (): OpenDirectory {
    if (this.#opened === undefined) throw new Error('The store is not open. Call `open` first.')
    return this.#opened
  }

  /** @returns false if the file exists */
  async #createFile (taskId: string, text: string): Promise<boolean> {
    const { directory, watcher } = this.#open
    // a deletion is still in progress and would delete the new task too
    if (await orStorageError(readCancelMarker(directory, taskId)) === 'delete') throw new FST_TASKS_ID_TAKEN(taskId)
    // with these in the way, a new task would never start, or fail
    const isKnown = watcher.tasks.get(taskId)?.task !== undefined
    await orStorageError(refuseForeign(directory, taskId, isKnown ? ['json'] : ['json', 'cancel', 'claim', 'log']))
    const created = await orStorageError(createExclusive(directory, fileName(taskId, 'json'), text))
    await watcher.refresh(taskId)
    if (created) wakeProcessor(directory.path, taskId)
    return created
  }

  /**
   * The listed task, or else the task on disk; undefined if there is none.
   * @param Unreadable the error to throw if its file cannot be read
   */
  async #read (taskId: string, Unreadable = FST_TASKS_UNREADABLE): Promise<StoredTask | undefined> {
    const { directory, watcher } = this.#open
    const listed = watcher.tasks.get(taskId)?.task
    if (listed !== undefined) return listed
    try {
      const file = await ifExists(readTaskText(directory, taskId))
      return file && completedTask(file.text)
    } catch (error) {
      if (error instanceof UnreadableFile) throw new Unreadable(taskId)
      throw storageError(error)
    }
  }
}
