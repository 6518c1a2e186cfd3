import { parseFileName, type FileKind } from '../../protocol/file-names.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'
import { FileEvents } from '../../util/file-events.ts'
import type { Logger } from '../logger.ts'
import { HintFifo } from './hint-fifo.ts'

/** Called when a file of that kind may have changed for that task. */
export type OnHint = (id: string, kind: FileKind) => void

/**
 * Hints about changed files, from file events and the FIFO. Neither is available everywhere, so periodic polling must find
 * the rest.
 */
export class Hints {
  readonly #directory: TasksDirectory
  readonly #onHint: OnHint
  readonly #logger: Logger
  readonly #fileEvents: FileEvents
  #fifo: HintFifo | undefined

  constructor (directory: TasksDirectory, onHint: OnHint, logger: Logger) {
    this.#directory = directory
    this.#onHint = onHint
    this.#logger = logger
    this.#fileEvents = new FileEvents((name) => this.#onName(name), (code) => {
      logger.warn(`Cannot watch the tasks directory (${code}); falling back to polling`)
    })
  }

  async open (): Promise<void> {
    this.#fileEvents.attach(this.#directory.path)
    try {
      this.#fifo = await HintFifo.open(this.#directory, (id) => this.#onHint(id, 'json'))
    } catch (error) {
      this.#logger.warn(`Cannot use the FIFO (${(error as Error).message}); falling back to file events and polling`)
    }
  }

  async close (): Promise<void> {
    this.#fileEvents.close()
    await this.#fifo?.close()
  }

  #onName (name: string | null): void {
    const file = parseFileName(name ?? '')
    if (file !== undefined) this.#onHint(file.id, file.kind)
  }
}
