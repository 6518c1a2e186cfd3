import { closeSync, constants, fsync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { errorCode } from '../../util/error-code.ts'

const APPEND = constants.O_RDWR | constants.O_APPEND
const scratch = Buffer.alloc(4096)

/** The file of an attempt record. It only grows, by whole lines. */
export class RecordFile {
  readonly #path: string
  /** Open from `create` to `close`, while a command is prepared: a descriptor for each running command would be too many. */
  #fd: number | undefined

  /** An existing file, which is opened for each access. */
  constructor (path: string) {
    this.#path = path
  }

  /** Creates the file and keeps it open. @throws the system's error */
  static create (path: string, content: Buffer): RecordFile {
    const file = new RecordFile(path)
    file.#fd = openSync(path, APPEND | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      writeFileSync(file.#fd, content)
    } catch (error) {
      // disk full: a partial record must not stay
      file.delete()
      throw error
    }
    return file
  }

  /** The descriptor, open for appending. @throws after `close` */
  get fd (): number {
    if (this.#fd === undefined) throw new Error(`The attempt record ${this.#path} is closed.`)
    return this.#fd
  }

  /** The bytes from `position` to the end. @throws the system's error */
  readFrom (position: number): Buffer {
    return this.#fd === undefined ? withFile(this.#path, constants.O_RDONLY, (fd) => readToEnd(fd, position)) : readToEnd(this.#fd, position)
  }

  /** @throws the system's error */
  append (line: string): void {
    withFile(this.#path, constants.O_WRONLY | constants.O_APPEND, (fd) => writeFileSync(fd, `${line}\n`))
  }

  /** Resolves when the content survives a crash of the machine. Only fsync, which may be slow, is done off the main thread. */
  async sync (): Promise<void> {
    await promisify(fsync)(this.fd)
  }

  close (): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  delete (): void {
    this.close()
    try {
      unlinkSync(this.#path)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

function withFile<T> (path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags | constants.O_NOFOLLOW)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

function readToEnd (fd: number, position: number): Buffer {
  const parts: Buffer[] = []
  for (let length; (length = readSync(fd, scratch, 0, scratch.length, position)) > 0; position += length) parts.push(Buffer.from(scratch.subarray(0, length)))
  return Buffer.concat(parts)
}
