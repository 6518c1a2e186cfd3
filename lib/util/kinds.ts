// What a value is, for checks of options. Safe for browsers.

export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

export function isStringArray (value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

export function isAbortSignal (value: unknown): value is AbortSignal {
  return value instanceof AbortSignal
}
