import fs, { type BigIntStats } from 'node:fs'
import type { FileSystem, OpenFile } from './file-system.ts'

class SynchronousFile implements OpenFile {
  readonly fd: number

  constructor (fd: number) {
    this.fd = fd
  }

  async read (buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return { bytesRead: fs.readSync(this.fd, buffer, offset, length, position) }
  }

  async readFile (encoding: 'utf8'): Promise<string> { return fs.readFileSync(this.fd, encoding) }
  async writeFile (text: string): Promise<void> { fs.writeFileSync(this.fd, text) }
  async stat (options: { bigint: true }): Promise<BigIntStats> { return fs.fstatSync(this.fd, options) }
  async chmod (mode: number): Promise<void> { fs.fchmodSync(this.fd, mode) }
  async chown (uid: number, gid: number): Promise<void> { fs.fchownSync(this.fd, uid, gid) }
  async utimes (atime: Date, mtime: Date): Promise<void> { fs.futimesSync(this.fd, atime, mtime) }
  async close (): Promise<void> { fs.closeSync(this.fd) }

  sync (): Promise<void> {
    return new Promise((resolve, reject) => fs.fsync(this.fd, (error) => error ? reject(error) : resolve()))
  }
}

/**
 * Calls the system on the main thread, which takes a sixth of the time that the thread pool takes. Only for a process that
 * serves no requests, or for short slices of work on a local disk. `sync`, which may be slow, still uses the pool.
 */
export const synchronousFileSystem: FileSystem = {
  async open (path, flags, mode) { return new SynchronousFile(fs.openSync(path, flags, mode)) },
  async link (existing, path) { fs.linkSync(existing, path) },
  async rename (from, to) { fs.renameSync(from, to) },
  async stat (path, options) { return fs.statSync(path, options) },
  async lstat (path, options) { return fs.lstatSync(path, options) },
  async unlink (path) { fs.unlinkSync(path) }
}
