import { parsePolicy } from '../../../lib/processor/policy/parse-policy.ts'
import type { Policy, SystemUser } from '../../../lib/processor/policy/policy.ts'
import type { Task } from '../../../lib/shared/task-schema.ts'

/** A user database in which every user but `missing` exists. */
export async function findUser (name: string): Promise<SystemUser> {
  if (name === 'missing') throw new Error('unknown user missing')
  return { name, uid: 1001, gid: 1002, home: '/home/deploy' }
}

/** The policy with these types, as if read from a file. */
export async function policyOf (types: unknown): Promise<Policy> {
  return await parsePolicy(JSON.stringify({ types }), findUser)
}

/**
 * A task of type `x` with other fields, as if read from a file.
 * @param fields an object, or JSON text, in which `__proto__` is a property like any other
 */
export function taskOf (fields: Record<string, unknown> | string = {}): Task {
  const own = typeof fields === 'string' ? JSON.parse(fields) : fields
  return { id: 'task_1_a', command: 'echo own', type: 'x', app: null, config: '', status: 'queued', ...own }
}

/** JSON text of an array in an array, and so on: too deep for `JSON.stringify`. */
export const DEEP = `${'['.repeat(4e5)}${']'.repeat(4e5)}`
