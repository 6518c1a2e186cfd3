import { typeOf } from '../policy/task-input.ts'

/** A longer type is not kept, so that no file can fill the memory. */
const MAX_TYPE_LENGTH = 200

/** The task type used for per-type concurrency limits; an empty string for a longer one. */
export function countedTypeOf (task: { type?: string | undefined }): string {
  const type = typeOf(task)
  return type.length <= MAX_TYPE_LENGTH ? type : ''
}
