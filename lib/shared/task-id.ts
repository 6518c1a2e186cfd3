/** Ids are part of file names: the pattern allows no character with which a path could leave the directory. */
export const TASK_ID_PATTERN = '^[tT][aA][sS][kK]_[0-9]+_[a-zA-Z0-9]+$'
/** Keeps `ID.json` and its temporary names far below the limit of 255 bytes for a file name. */
export const TASK_ID_MAX_LENGTH = 100

const taskId = new RegExp(TASK_ID_PATTERN)

export function isTaskId (value: unknown): value is string {
  return typeof value === 'string' && value.length <= TASK_ID_MAX_LENGTH && taskId.test(value)
}

/** A new id: `task_<ms>_` and 12 random characters (60 bits) from a cryptographic source. */
export function createTaskId (now = Date.now()): string {
  let random = ''
  // 32 of the 36 possible characters: each byte maps to one of them without bias
  for (const byte of crypto.getRandomValues(new Uint8Array(12))) random += (byte & 31).toString(32)
  return `task_${now}_${random}`
}

/** The number in an id, by convention ms since the epoch. */
export function timeInId (id: string): number {
  return Number(id.split('_')[1])
}

/** The time in an id as `createTaskId` makes it, in ms since the epoch; undefined if the number cannot be such a time. */
export function createdAtInId (id: string): number | undefined {
  const time = timeInId(id)
  return time >= 1e12 && time < 1e13 ? time : undefined
}
