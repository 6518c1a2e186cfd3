/** Files of other programs may hold anything: a text as it is, nothing for what is missing, and else JSON. */
export function textOf (value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
