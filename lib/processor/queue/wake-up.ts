import { parseFileName, type FileKind } from '../../protocol/file-names.ts'
import { FileEvents } from '../../util/file-events.ts'
import type { Logger } from '../logger.ts'
import { WakeUpFifo } from './wake-up-fifo.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/**
 * Immediate change notifications: fs.watch and the FIFO. Neither is available everywhere, so periodic polling must find
 * the rest.
 */
export class WakeUp {
  readonly #directory: TasksDirectory
  readonly #onHint: (id: string, kind: FileKind) => void
  readonly #logger: Logger
  readonly #hints: FileEvents
  #fifo: WakeUpFifo | undefined

  /** @param onHint something happened to that file of that task */
  constructor (directory: TasksDirectory, onHint: (id: string, kind: FileKind) => void, logger: Logger) {
    this.#directory = directory
    this.#onHint = onHint
    this.#logger = logger
    this.#hints = new FileEvents((name) => this.#onName(name), (code) => {
      logger.warn(`Cannot watch the tasks directory (${code}); falling back to polling`)
    })
  }

  async open (): Promise<void> {
    this.#hints.attach(this.#directory.path)
    try {
      this.#fifo = await WakeUpFifo.open(this.#directory, (id) => this.#onHint(id, 'json'))
    } catch (error) {
      this.#logger.warn(`Tasks are found without the FIFO: ${(error as Error).message}`)
    }
  }

  async close (): Promise<void> {
    this.#hints.close()
    await this.#fifo?.close()
  }

  #onName (name: string | null): void {
    const file = parseFileName(name ?? '')
    if (file !== undefined) this.#onHint(file.id, file.kind)
  }
}
