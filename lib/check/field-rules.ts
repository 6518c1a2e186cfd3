import type { TObject } from '@sinclair/typebox'
import { compileCheck } from '../util/compile-check.ts'
import { error, type Finding } from './finding.ts'

export type Fields = Record<string, unknown>

/** @returns a function that checks each field on its own, so that it reports all that break the schema */
export function compileFieldRules ({ properties, required = [] }: TObject): (value: Fields) => Finding[] {
  const rules = Object.entries(properties).map(([field, schema]) => [field, compileCheck(schema)] as const)
  return (value) => rules.flatMap(([field, check]) => {
    if (value[field] === undefined) return required.includes(field) ? [error(`it has no ${field}`)] : []
    const problem = check(value[field])
    return problem === undefined ? [] : [error(`its ${field} ${problem.message}, not ${quote(value[field])}`)]
  })
}

/** In characters. */
const MAX_QUOTE = 60

function quote (value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= MAX_QUOTE ? text : `${text.slice(0, MAX_QUOTE)}…`
}
