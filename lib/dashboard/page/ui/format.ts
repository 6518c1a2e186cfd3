const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Rounded down to one or two units, such as `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`. */
export function formatElapsed (ms: number): string {
  const elapsed = Math.max(0, ms)
  if (elapsed < 10 * SECOND) return `${(elapsed / SECOND).toFixed(1)} s`
  if (elapsed < MINUTE) return `${Math.floor(elapsed / SECOND)} s`
  const [large, small, names] = elapsed < HOUR
    ? [MINUTE, SECOND, ['min', 's']] as const
    : elapsed < DAY ? [HOUR, MINUTE, ['h', 'min']] as const : [DAY, HOUR, ['d', 'h']] as const
  return `${Math.floor(elapsed / large)} ${names[0]} ${Math.floor(elapsed % large / small)} ${names[1]}`
}

/** Rounded down to one unit, such as `now`, `6 s`, `2 h`. */
export function formatAge (ms: number): string {
  if (ms < 5 * SECOND) return 'now'
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`
  return `${Math.floor(ms / DAY)} d`
}

/** In powers of 1024 with one decimal, such as `1 byte`, `1.5 MiB`. */
export function formatBytes (bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return power === 0 ? `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}
