import type { FileSystem } from './file-system.ts'
import { threadPoolFileSystem } from './thread-pool-file-system.ts'

/** A tasks directory, and the operations with which this process reads and writes its small files. */
export interface TasksDirectory {
  readonly path: string
  readonly fs: FileSystem
}

/** @param fs default: libuv's thread pool */
export function tasksDirectory (path: string, fs: FileSystem = threadPoolFileSystem): TasksDirectory {
  return { path, fs }
}
