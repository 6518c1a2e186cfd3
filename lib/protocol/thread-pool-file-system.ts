import promises, { type FileHandle } from 'node:fs/promises'
import type { FileSystem } from './file-system.ts'

/** Uses libuv's thread pool: for a process that serves requests, which must not wait for the disk. */
export const threadPoolFileSystem: FileSystem<FileHandle> = promises
