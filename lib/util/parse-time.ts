/** Milliseconds since the epoch of an ISO 8601 string; undefined for any other value. */
export function parseTime (value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : NaN
  return Number.isNaN(time) ? undefined : time
}
