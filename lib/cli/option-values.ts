import { parseDuration, parseSize } from '../util/units.ts'
import { UsageError } from './usage-error.ts'

// Each reader converts the text of one option. `option` is its name as the user writes it, such as `--grace`.

/** @throws UsageError unless the text consists of 1 to 9 digits and is at least 1 */
export function readCount (option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) throw new UsageError(`${option} must be an integer of at least 1, not "${text}".`)
  return Number(text)
}

/**
 * @returns bytes
 * @throws UsageError
 */
export function readSize (option: string, text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined) {
    throw new UsageError(`${option} must be a size such as 1G, 500M or 64K (units: K, M, G, T) or a number of bytes such as 4096, not "${text}".`)
  }
  return bytes
}

/**
 * @returns ms
 * @throws UsageError also where the text has no unit, or is zero
 */
export function readDuration (option: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError(`${option} must be a duration with a unit, such as 30d, 12h, 90m or 10s (units: ms, s, m, h, d), not "${text}".`)
  return ms
}

/**
 * As `readDuration`, for a duration that may be zero (`0s`) and has a maximum.
 * @param maxDays in days
 * @throws UsageError
 */
export function readTimeLimit (option: string, text: string, maxDays: number): number {
  const ms = /^0+(ms|[smhd])$/.test(text) ? 0 : readDuration(option, text)
  if (ms > maxDays * 86_400_000) throw new UsageError(`${option} must be at most ${maxDays}d, not "${text}".`)
  return ms
}

/** @throws UsageError if the text is empty, as an unset variable of a script is: it would be the working directory */
export function readPath (option: string, text: string): string {
  if (text === '') throw new UsageError(`${option} needs a path.`)
  return text
}
