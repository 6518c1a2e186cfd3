interface Unit {
  /** As parsed, such as `d` in `30d`. */
  readonly symbol: string
  /** As formatted, such as `KiB` in `64 KiB`. */
  readonly name: string
  readonly size: number
}

/** Largest first. */
const DURATIONS: readonly Unit[] = [
  { symbol: 'd', name: 'd', size: 86_400_000 },
  { symbol: 'h', name: 'h', size: 3_600_000 },
  { symbol: 'm', name: 'min', size: 60_000 },
  { symbol: 's', name: 's', size: 1000 },
  { symbol: 'ms', name: 'ms', size: 1 }
]

/** Powers of 1024, largest first. */
const SIZES: readonly Unit[] = [
  { symbol: 'T', name: 'TiB', size: 2 ** 40 },
  { symbol: 'G', name: 'GiB', size: 2 ** 30 },
  { symbol: 'M', name: 'MiB', size: 2 ** 20 },
  { symbol: 'K', name: 'KiB', size: 2 ** 10 },
  { symbol: '', name: 'B', size: 1 }
]

/** @returns ms for a text such as `30d`, `12h`, `90m`, `10s`, `500ms`; undefined for any other text, without a unit, zero, or beyond 2^53 */
export function parseDuration (text: string): number | undefined {
  return parse(text, DURATIONS)
}

/** @returns bytes for a text such as `10G`, `500M`, `64K` (powers of 1024) or `4096`; undefined for any other text, zero, or beyond 2^53 */
export function parseSize (text: string): number | undefined {
  return parse(text, SIZES)
}

/** Exact, in the largest unit of which it is a multiple, such as `90 min`. */
export function formatDuration (ms: number): string {
  return format(ms, DURATIONS)
}

/** Exact, in the largest unit of which it is a multiple, such as `64 KiB`. */
export function formatSize (bytes: number): string {
  return format(bytes, SIZES)
}

function parse (text: string, units: readonly Unit[]): number | undefined {
  const [, digits, symbol] = /^(\d{1,15})([A-Za-z]*)$/.exec(text) ?? []
  const unit = units.find((unit) => unit.symbol === symbol)
  const value = Number(digits) * (unit?.size ?? NaN)
  return value > 0 && Number.isSafeInteger(value) ? value : undefined
}

function format (value: number, units: readonly Unit[]): string {
  const unit = units.find(({ size }) => value >= size && value % size === 0) ?? units.at(-1)!
  return `${value / unit.size} ${unit.name}`
}
