import { compactJson } from './json.ts'

/** Text of a task's field, which another program may have set to any value: strings unchanged, '' if missing, otherwise JSON. */
export function textOf (value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : compactJson(value) ?? '…'
}
