import { isAbortSignal, isObject } from '../util/kinds.ts'
import { unknownName } from '../util/names.ts'
import type { CallOptions } from './call-options.ts'

/**
 * Checks the names of a method's options, and its signal.
 * @param names of the options besides `signal`
 * @returns the options
 * @throws TypeError
 */
export function checked<T extends CallOptions> (options: T, names: ReadonlyArray<Exclude<keyof T & string, 'signal'>> = []): T {
  checkNames(options, [...names, 'signal'])
  const { signal } = options
  requireThat(signal === undefined || isAbortSignal(signal), '`signal` must be an AbortSignal.')
  return options
}

/** @throws TypeError */
export function checkNames (options: object, known: readonly string[]): void {
  requireThat(isObject(options), 'The options must be an object.')
  const unknown = unknownName(options, known)
  requireThat(unknown === undefined, unknown)
}

/** @throws TypeError with the message, unless the condition holds */
export function requireThat (holds: boolean, message: string | undefined): void {
  if (!holds) throw new TypeError(message)
}
