import fs, { type BigIntStats, type PathLike } from 'node:fs'
import promises from 'node:fs/promises'

/** The system's calls by which files of a directory are reached. */
export type FileCalls = Pick<typeof promises, 'link' | 'open' | 'rename' | 'stat' | 'unlink'>

/**
 * On the caller's thread: a tenth of the time that a thread of the pool takes for one of these, and nobody else is
 * served meanwhile. What waits for the disk (`sync`) is still left to the pool.
 */
const onThisThread = {
  async link (existing: PathLike, path: PathLike) { fs.linkSync(existing, path) },
  async open (path: PathLike, flags?: string | number, mode?: number) { return new OpenFile(fs.openSync(path, flags ?? 'r', mode)) },
  async rename (from: PathLike, to: PathLike) { fs.renameSync(from, to) },
  async stat (path: PathLike) { return fs.statSync(path) },
  async unlink (path: PathLike) { fs.unlinkSync(path) }
} as unknown as FileCalls

class OpenFile {
  readonly fd: number

  constructor (fd: number) {
    this.fd = fd
  }

  async read (buffer: Uint8Array, offset: number, length: number, position: number) {
    return { bytesRead: fs.readSync(this.fd, buffer, offset, length, position), buffer }
  }

  async readFile (encoding: BufferEncoding) { return fs.readFileSync(this.fd, encoding) }
  async writeFile (text: string) { fs.writeFileSync(this.fd, text) }
  async stat (options?: { bigint?: boolean }): Promise<fs.Stats | BigIntStats> { return fs.fstatSync(this.fd, options as { bigint: true }) }
  async chmod (mode: number) { fs.fchmodSync(this.fd, mode) }
  async chown (uid: number, gid: number) { fs.fchownSync(this.fd, uid, gid) }
  async utimes (atime: Date, mtime: Date) { fs.futimesSync(this.fd, atime, mtime) }
  async close () { fs.closeSync(this.fd) }
  sync () { return new Promise<void>((resolve, reject) => fs.fsync(this.fd, (error) => error ? reject(error) : resolve())) }
}

export let calls: FileCalls = promises
export function block () { calls = onThisThread }
