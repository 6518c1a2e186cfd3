import { FST_TASKS_STORAGE, FST_TASKS_STORAGE_FULL, FST_TASKS_UNUSABLE_FILE } from '../errors.ts'
import { ForeignFile } from '../protocol/foreign-file.ts'
import { errorCode } from '../util/error-code.ts'

/** Resolves with the operation's result, and rejects with a storage error if it fails. */
export async function orStorageError<T> (operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw storageError(error)
  }
}

/** An error for clients: it contains the code of the system error, but not its message, which has a path. */
export function storageError (error: unknown): Error {
  if (error instanceof ForeignFile) return new FST_TASKS_UNUSABLE_FILE(error.fileName, error.message)
  const code = errorCode(error)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
  return Object.assign(isFull ? new FST_TASKS_STORAGE_FULL(code) : new FST_TASKS_STORAGE(code), { cause: error })
}
