import { parseLock } from '../protocol/lock-file.ts'
import { ClaimFileSchema } from '../protocol/schemas.ts'
import { compileFieldRules, type Fields } from './field-rules.ts'
import { error, type Finding } from './finding.ts'

const checkClaimFields = compileFieldRules(ClaimFileSchema)

/** Checks the text of a claim. */
export function checkClaim (text: string): Finding[] {
  return checkObject(text, checkClaimFields)
}

/** Checks the text of `.processor.json`. */
export function checkInfo (text: string): Finding[] {
  return checkObject(text, ({ types }) => Array.isArray(types) ? [] : [error('its types must be a list')])
}

/** Checks the text of a lock file. */
export function checkLock (text: string): Finding[] {
  const { problem } = parseLock(text)
  if (problem === 'pid') return [error('its first line is not a process id')]
  return problem === 'heartbeat' ? [error('its second line is not "heartbeat <nonce>"')] : []
}

function checkObject (text: string, check: (fields: Fields) => Finding[]): Finding[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return [error('it is not valid JSON')]
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? check(value as Fields) : [error('it is not a JSON object')]
}
