import type { BigIntStats } from 'node:fs'

/** An open file: the part of a `FileHandle` of `node:fs/promises` that the protocol uses. */
export interface OpenFile {
  readonly fd: number
  read (buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  readFile (encoding: 'utf8'): Promise<string>
  writeFile (text: string): Promise<void>
  stat (options: { bigint: true }): Promise<BigIntStats>
  chmod (mode: number): Promise<void>
  chown (uid: number, gid: number): Promise<void>
  utimes (atime: Date, mtime: Date): Promise<void>
  sync (): Promise<void>
  close (): Promise<void>
}

/** The operations with which small files are read and written: a subset of `node:fs/promises`, with the same errors. */
export interface FileSystem<File extends OpenFile = OpenFile> {
  open (path: string, flags: string | number, mode?: number): Promise<File>
  link (existing: string, path: string): Promise<void>
  rename (from: string, to: string): Promise<void>
  stat (path: string, options: { bigint: true }): Promise<BigIntStats>
  lstat (path: string, options: { bigint: true }): Promise<BigIntStats>
  unlink (path: string): Promise<void>
}
