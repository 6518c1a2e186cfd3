import { resolveOptions, type ProcessorOptions } from './options.ts'

/** The processor's limits as plain JSON; null means unlimited. */
export interface Limits {
  readonly concurrency: number
  readonly graceMs: number
  readonly logMaxBytes: number | null
  readonly retain: { readonly ageMs: number | null, readonly count: number | null, readonly bytes: number | null }
}

/** @throws RangeError as `resolveOptions` */
export function limitsOf (options: ProcessorOptions): Limits {
  const { concurrency, graceMs, logMaxBytes, retain: { ageMs, count, bytes } } = resolveOptions(options)
  return { concurrency, graceMs, logMaxBytes: logMaxBytes ?? null, retain: { ageMs: ageMs ?? null, count: count ?? null, bytes: bytes ?? null } }
}

/** The same in words, such as `concurrency 4, grace 10 s, log cap none, keeps finished tasks 30 d, at most 1000, 10 GiB`. */
export function describeLimits (options: ProcessorOptions): string {
  const { concurrency, graceMs, logMaxBytes, retain: { ageMs, count, bytes } } = limitsOf(options)
  const kept = [ageMs && inWords(ageMs, TIMES), count && `at most ${count}`, bytes && inWords(bytes, SIZES)].filter(Boolean)
  return [
    `concurrency ${concurrency}`,
    `grace ${inWords(graceMs, TIMES)}`,
    `log cap ${logMaxBytes === null ? 'none' : inWords(logMaxBytes, SIZES)}`,
    kept.length === 0 ? 'keeps all finished tasks' : `keeps finished tasks ${kept.join(', ')}`
  ].join(', ')
}

type Units = ReadonlyArray<readonly [unit: string, size: number]>

const TIMES: Units = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000], ['ms', 1]]
const SIZES: Units = [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['B', 1]]

/** Exact: in the largest unit of which it is a multiple. */
function inWords (value: number, units: Units): string {
  const [unit, size] = units.find(([, size]) => value >= size && value % size === 0) ?? units.at(-1)!
  return `${value / size} ${unit}`
}
