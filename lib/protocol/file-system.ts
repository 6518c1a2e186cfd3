import fs, { type BigIntStats, type PathLike, type Stats } from 'node:fs'
import promises from 'node:fs/promises'

/** The calls of the system by which small files are read and written. */
export type FileCalls = Pick<typeof promises, 'link' | 'open' | 'rename' | 'stat' | 'unlink'>

/** Default: use the thread pool, so that disk I/O does not block other requests. */
export let calls: FileCalls = promises

/**
 * Switches this process to synchronous file calls, which are six times faster than the thread pool. Only for processes
 * that serve no concurrent requests. `fsync` still uses the pool.
 */
export function callOnThisThread (): void {
  calls = onThisThread
}

/** The subset of `FileHandle` used in this package. */
class OpenFile {
  readonly fd: number

  constructor (fd: number) {
    this.fd = fd
  }

  async read (buffer: Uint8Array, offset: number, length: number, position: number) {
    return { bytesRead: fs.readSync(this.fd, buffer, offset, length, position), buffer }
  }

  async readFile (encoding: BufferEncoding): Promise<string> { return fs.readFileSync(this.fd, encoding) }
  async writeFile (text: string): Promise<void> { fs.writeFileSync(this.fd, text) }
  async stat (options?: { bigint: true }): Promise<Stats | BigIntStats> { return fs.fstatSync(this.fd, options) }
  async chmod (mode: number): Promise<void> { fs.fchmodSync(this.fd, mode) }
  async chown (uid: number, gid: number): Promise<void> { fs.fchownSync(this.fd, uid, gid) }
  async utimes (atime: Date, mtime: Date): Promise<void> { fs.futimesSync(this.fd, atime, mtime) }
  async close (): Promise<void> { fs.closeSync(this.fd) }

  sync (): Promise<void> {
    return new Promise((resolve, reject) => fs.fsync(this.fd, (error) => error ? reject(error) : resolve()))
  }
}

const onThisThread = {
  async link (existing: PathLike, path: PathLike) { fs.linkSync(existing, path) },
  async open (path: PathLike, flags: string | number, mode?: number) { return new OpenFile(fs.openSync(path, flags, mode)) },
  async rename (from: PathLike, to: PathLike) { fs.renameSync(from, to) },
  async stat (path: PathLike) { return fs.statSync(path) },
  async unlink (path: PathLike) { fs.unlinkSync(path) }
} as unknown as FileCalls
