import { parseTime } from '../../../util/parse-time.ts'
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Such as `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function formatDuration (ms: number): string {
  const left = Math.max(0, ms)
  if (left < 10 * SECOND) return `${(left / SECOND).toFixed(1)} s`
  if (left < MINUTE) return `${Math.floor(left / SECOND)} s`
  const [large, small, names] = left < HOUR
    ? [MINUTE, SECOND, ['min', 's']] as const
    : left < DAY ? [HOUR, MINUTE, ['h', 'min']] as const : [DAY, HOUR, ['d', 'h']] as const
  return `${Math.floor(left / large)} ${names[0]} ${Math.floor(left % large / small)} ${names[1]}`
}

/** One unit, for how long ago something was. */
export function formatAge (ms: number): string {
  if (ms < 5 * SECOND) return 'now'
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`
  return `${Math.floor(ms / DAY)} d`
}

/** Of 1,024 bytes, as `ls -h` and the limits of processors count. */
export function formatBytes (bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return power === 0 ? `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}

/** From the task's own times; undefined: it has not come so far. */
export function waitedMs ({ createdAt, startedAt, completedAt, status }: Times, now: number): number | undefined {
  return between(parseTime(createdAt), parseTime(startedAt) ?? parseTime(completedAt) ?? (status === 'queued' ? now : undefined))
}

export function ranMs ({ startedAt, completedAt, status }: Times, now: number): number | undefined {
  return between(parseTime(startedAt), parseTime(completedAt) ?? (status === 'running' ? now : undefined))
}

function between (from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from)
}

interface Times {
  readonly createdAt: unknown
  readonly startedAt: unknown
  readonly completedAt: unknown
  readonly status: unknown
}
