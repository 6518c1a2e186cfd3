import { constants } from 'node:fs'
import { access, mkdir, realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FST_TASKS_DIRECTORY } from '../errors.ts'
import { isLocalMount } from '../protocol/mount.ts'
import { StaleFiles } from '../protocol/stale-files.ts'
import { synchronousFileSystem } from '../protocol/synchronous-file-system.ts'
import { tasksDirectory, type TasksDirectory } from '../protocol/tasks-directory.ts'
import type { StoreLogger } from '../store.ts'
import { errorCode } from '../util/error-code.ts'
import { SingleFlight } from '../util/single-flight.ts'
import { ProcessorObserver } from './processor-observer.ts'
import { TaskWatcher } from './watch/task-watcher.ts'

const MAINTENANCE_INTERVAL_MS = 1000

type Parts = Pick<OpenDirectory, 'directory' | 'watcher' | 'loaded' | 'processor'> & { readonly staleFiles: StaleFiles }

/** A tasks directory that is watched and maintained: stale files are cleaned up once a second. */
export class OpenDirectory {
  readonly directory: TasksDirectory
  readonly watcher: TaskWatcher
  readonly processor: ProcessorObserver
  /** Resolves when all tasks are known. */
  readonly loaded: Promise<void>
  readonly #staleFiles: StaleFiles
  readonly #maintenance = new SingleFlight()
  readonly #timer: NodeJS.Timeout

  private constructor ({ directory, watcher, loaded, processor, staleFiles }: Parts, log: StoreLogger) {
    this.directory = directory
    this.watcher = watcher
    this.loaded = loaded
    this.processor = processor
    this.#staleFiles = staleFiles
    this.#timer = setInterval(() => {
      this.#maintenance.run(() => this.#maintain()).catch((error) => log.debug({ err: error }, 'fastify-tasks: the clean-up of stale files failed'))
    }, MAINTENANCE_INTERVAL_MS).unref()
  }

  /**
   * Creates the directory if it is missing, and starts to watch it.
   * @throws FST_TASKS_DIRECTORY
   */
  static async open (path: string, log: StoreLogger): Promise<OpenDirectory> {
    try {
      await makeDirectory(resolve(path))
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
      const directory = tasksDirectory(await realpath(path))
      const processor = new ProcessorObserver(directory)
      const isLocal = await isLocalMount(directory.path)
      // in time slices, blocking calls take a sixth of the time of the thread pool
      const staleFiles = new StaleFiles(isLocal ? tasksDirectory(directory.path, synchronousFileSystem) : directory, {
        isProcessorAlive: () => processor.isAlive,
        onError: (error, name) => log.debug({ err: error, name }, 'fastify-tasks: a stale file could not be cleaned up')
      })
      const watcher = new TaskWatcher(directory, { staleFiles, isLocal, log })
      const { loaded } = await watcher.start()
      await processor.observe()
      return new OpenDirectory({ directory, watcher, loaded, processor, staleFiles }, log)
    } catch (error) {
      throw new FST_TASKS_DIRECTORY(path, errorCode(error))
    }
  }

  async close (): Promise<void> {
    clearInterval(this.#timer)
    await this.watcher.close()
  }

  async #maintain (): Promise<void> {
    await this.processor.observe()
    for (const id of await this.#staleFiles.cleanUp()) this.watcher.enqueue(id)
  }
}

/**
 * Creates a directory and its parents, unless it exists. `mkdir` with `recursive` tries forever where nothing can be created,
 * such as in /proc.
 */
async function makeDirectory (path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') return
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) throw error
    await makeDirectory(parent)
    await mkdir(path).catch((error: unknown) => { if (errorCode(error) !== 'EEXIST') throw error })
  }
}
