import { constants } from 'node:fs'
import { access, mkdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline, Readable, Transform } from 'node:stream'
import {
  FST_TASKS_ACTIVE, FST_TASKS_DIRECTORY, FST_TASKS_ID_TAKEN, FST_TASKS_NOT_ACTIVE, FST_TASKS_NOT_FOUND,
  FST_TASKS_STORAGE, FST_TASKS_STORAGE_FULL, FST_TASKS_TOO_LARGE, FST_TASKS_VALIDATION
} from '../errors.ts'
import type { Interest, StoreLogger, LogContent, StoreHealth, TaskEvent, TaskList, TaskQuery, TaskStore } from '../store.ts'
import type { NewTask, Task } from '../shared/task-schema.ts'
import type { StoredTask } from '../shared/stored-task.ts'
import { createTaskId, isTaskId } from '../shared/task-id.ts'
import type { TaskTypes } from '../shared/task-types.ts'
import { readCancelMarker } from '../protocol/cancel-marker.ts'
import { fileName, MAX_TASK_BYTES } from '../protocol/file-names.ts'
import { ifExists, openRegular, UnreadableFile } from '../protocol/regular-file.ts'
import { formatTask, readTaskFile } from '../protocol/task-file.ts'
import { cancelTask, deleteTask } from '../protocol/transitions.ts'
import { createExclusive } from '../protocol/write-file.ts'
import { errorCode } from '../util/error-code.ts'
import { DirectoryHealth } from './health.ts'
import { StaleFiles } from '../protocol/stale-files.ts'
import { readProcessorInfo } from '../protocol/processor-info.ts'
import { TaskWatcher } from './watch/task-watcher.ts'
import { wakeProcessor } from './wake-processor.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'
import { threadPoolFileSystem } from '../protocol/thread-pool-file-system.ts'

const UPKEEP_MS = 1000

/** A directory of plain files as a store. The directory is the truth: the store keeps nothing that it can't read again. */
export class DirectoryStore implements TaskStore {
  readonly #path: string
  #directory!: TasksDirectory
  #watcher!: TaskWatcher
  #leftovers!: StaleFiles
  #health!: DirectoryHealth
  #upkeep: NodeJS.Timeout | undefined
  /** The first scan: reading waits for it, `open` does not. */
  #ready: Promise<void> = Promise.resolve()

  /** @param dir created where it is missing */
  constructor (dir: string) {
    this.#path = resolve(dir)
  }

  /** @throws FST_TASKS_DIRECTORY */
  async open ({ log }: { log: StoreLogger }): Promise<void> {
    try {
      await mkdir(this.#path, { recursive: true })
      await access(this.#path, constants.R_OK | constants.W_OK | constants.X_OK)
      this.#directory = tasksDirectory(await realpath(this.#path))
      this.#watcher = new TaskWatcher(this.#directory, { log })
      this.#ready = (await this.#watcher.start()).loaded
    } catch (error) {
      throw new FST_TASKS_DIRECTORY(this.#path, errorCode(error))
    }
    this.#health = new DirectoryHealth(this.#directory, this.#watcher)
    this.#leftovers = new StaleFiles(this.#directory, {
      isProcessorAlive: () => this.#health.processorAlive,
      onError: (error, name) => log.debug({ err: error, name }, 'fastify-tasks: a leftover could not be settled')
    })
    await this.#health.observe()
    this.#upkeep = setInterval(() => {
      this.#keepUp().catch((error) => log.debug({ err: error }, 'fastify-tasks: upkeep failed'))
    }, UPKEEP_MS).unref()
  }

  async close (): Promise<void> {
    clearInterval(this.#upkeep)
    await this.#watcher?.close()
  }

  async #keepUp (): Promise<void> {
    await this.#health.observe()
    for (const id of await this.#leftovers.cleanUp(this.#watcher.side)) await this.#watcher.refresh(id)
    await this.#leftovers.removeTemporaryFiles(this.#watcher.temporaries)
  }

  async health (): Promise<StoreHealth> {
    return await this.#health.report()
  }

  async types (): Promise<TaskTypes> {
    const { types, anyType } = await readProcessorInfo(this.#directory)
    return { types, anyType }
  }

  async list (query: TaskQuery): Promise<TaskList> {
    await this.#ready
    return { ...this.#watcher.tasks.list(query), lastEventId: this.#watcher.lastEventId }
  }

  async get (taskId: string): Promise<StoredTask | undefined> {
    await this.#ready
    return this.#watcher.tasks.get(taskId)?.task
  }

  async create (input: NewTask): Promise<{ task: StoredTask, created: boolean }> {
    if (input.id !== undefined && !isTaskId(input.id)) throw new FST_TASKS_VALIDATION('body/id must be a task id')
    const task = newTask(input)
    const text = formatTask(task)
    if (Buffer.byteLength(text) > MAX_TASK_BYTES) throw new FST_TASKS_TOO_LARGE(MAX_TASK_BYTES)
    // a deletion is still in progress and would delete the new task too
    if (await orStorageError(readCancelMarker(this.#directory, task.id)) === 'delete') throw new FST_TASKS_ID_TAKEN(task.id)
    const created = await orStorageError(createExclusive(this.#directory, fileName(task.id, 'json'), text))
    await this.#watcher.refresh(task.id)
    if (created) wakeProcessor(this.#directory.path, task.id)
    return { task: await this.#read(task.id), created }
  }

  /** Reads the task from disk, as responses contain the file's exact JSON. */
  async #read (taskId: string): Promise<StoredTask> {
    const known = this.#watcher.tasks.get(taskId)?.task
    if (known !== undefined) return known
    try {
      return (await readTaskFile(this.#directory, taskId)).task
    } catch (error) {
      if (error instanceof UnreadableFile) throw new FST_TASKS_ID_TAKEN(taskId)
      throw errorCode(error) === 'ENOENT' ? new FST_TASKS_NOT_FOUND(taskId) : storageError(error)
    }
  }

  async cancel (taskId: string): Promise<{ outcome: 'cancelled' | 'requested', task: StoredTask }> {
    if (!isTaskId(taskId)) throw new FST_TASKS_NOT_FOUND(taskId)
    const outcome = await orStorageError(cancelTask(this.#directory, taskId))
    await this.#watcher.refresh(taskId)
    if (outcome === 'missing') throw new FST_TASKS_NOT_FOUND(taskId)
    if (outcome === 'finished') throw new FST_TASKS_NOT_ACTIVE(taskId)
    return { outcome, task: await this.#read(taskId) }
  }

  async delete (taskId: string, options: { force: boolean }): Promise<void> {
    if (!isTaskId(taskId)) throw new FST_TASKS_NOT_FOUND(taskId)
    const outcome = await orStorageError(deleteTask(this.#directory, taskId, options))
    await this.#watcher.refresh(taskId)
    if (outcome === 'missing') throw new FST_TASKS_NOT_FOUND(taskId)
    if (outcome === 'active') throw new FST_TASKS_ACTIVE(taskId, this.#watcher.tasks.get(taskId)?.task?.status ?? 'unreadable')
  }

  async readLog (taskId: string, { start, end }: { start: number, end?: number }): Promise<LogContent | undefined> {
    if (!isTaskId(taskId)) return undefined
    const file = await orStorageError(ifExists(openRegular(threadPoolFileSystem, join(this.#directory.path, fileName(taskId, 'log')))).catch((error) => {
      if (error instanceof UnreadableFile) return undefined
      throw error
    }))
    if (file === undefined) return undefined
    const { dev, ino, size: bytes, mtimeNs } = file.stats
    const size = Number(bytes)
    const stop = Math.min(end ?? size, size)
    const content = { size, etag: `"${dev.toString(36)}-${ino.toString(36)}-${bytes.toString(36)}-${mtimeNs.toString(36)}"` }
    if (start < stop) {
      const body = exactly(stop - start)
      // errors show at the body, too
      pipeline(file.handle.createReadStream({ start, end: stop - 1 }), body, () => {})
      return { ...content, body }
    }
    await file.handle.close()
    return { ...content, body: Readable.from([]) }
  }

  subscribe (listener: (event: TaskEvent) => void, interest: Interest): () => void {
    return this.#watcher.subscribe(listener, interest)
  }

  async since (eventId: string): Promise<TaskEvent[] | undefined> {
    return this.#watcher.since(eventId)
  }
}

function newTask ({ id = createTaskId(), command, type = 'custom', app = null, config = '', timeoutMs }: NewTask): Task {
  return {
    id,
    command,
    type,
    app,
    config,
    status: 'queued',
    createdAt: new Date().toISOString(),
    startedAt: null,
    completedAt: null,
    heartbeatAt: null,
    exitCode: null,
    errorMessage: null,
    ...(timeoutMs !== undefined && { timeoutMs })
  }
}

/**
 * Errors if fewer bytes arrive than announced (the log was truncated while being read); otherwise the client would wait
 * for the rest.
 */
function exactly (bytes: number): Transform {
  return new Transform({
    transform (chunk: Buffer, _encoding, done) {
      bytes -= chunk.length
      done(null, chunk)
    },
    flush (done) {
      done(bytes === 0 ? null : new Error('The log shrank while it was read.'))
    }
  })
}

async function orStorageError<T> (operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw storageError(error)
  }
}

/** The system's code alone: its message would tell clients a path. */
function storageError (error: unknown): Error {
  const code = errorCode(error)
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return Object.assign(full ? new FST_TASKS_STORAGE_FULL(code) : new FST_TASKS_STORAGE(code), { cause: error })
}
