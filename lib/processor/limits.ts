import { formatDuration, formatSize } from '../util/units.ts'
import { resolveOptions, type ProcessorOptions } from './options.ts'

/** The processor's limits as published in the tasks directory; null means unlimited. */
export interface ProcessorLimits {
  readonly concurrency: number
  readonly graceMs: number
  readonly logMaxBytes: number | null
  readonly retain: { readonly ageMs: number | null, readonly count: number | null, readonly bytes: number | null }
}

/** @throws RangeError as `resolveOptions` */
export function limitsOf (options: ProcessorOptions): ProcessorLimits {
  const { concurrency, graceMs, maxLogBytes, retain: { ageMs, count, bytes } } = resolveOptions(options)
  return { concurrency, graceMs, logMaxBytes: maxLogBytes ?? null, retain: { ageMs: ageMs ?? null, count: count ?? null, bytes: bytes ?? null } }
}

/** One line for people, such as `concurrency 4, grace 10 s, log limit none, keeps finished tasks for 30 d, at most 1000, 10 GiB`. */
export function describeLimits (options: ProcessorOptions): string {
  const { concurrency, graceMs, logMaxBytes, retain: { ageMs, count, bytes } } = limitsOf(options)
  const kept = [ageMs && `for ${formatDuration(ageMs)}`, count && `at most ${count}`, bytes && formatSize(bytes)].filter(Boolean)
  return [
    `concurrency ${concurrency}`,
    `grace ${formatDuration(graceMs)}`,
    `log limit ${logMaxBytes === null ? 'none' : formatSize(logMaxBytes)}`,
    kept.length === 0 ? 'keeps all finished tasks' : `keeps finished tasks ${kept.join(', ')}`
  ].join(', ')
}
