import type { Static } from '@sinclair/typebox'
import { compileCheck } from '../../util/compile-check.ts'
import { defined } from '../../util/defined.ts'
import { CODE_LOADER_VARIABLES } from '../environment.ts'
import { compileConfigCheck } from './config-check.ts'
import { parseArgv } from './parse-argv.ts'
import { at, PolicyError } from './policy-error.ts'
import { PolicySchema, type PolicyType } from './policy-schema.ts'
import type { SystemUser } from './policy.ts'
import { RulePolicy } from './rule-policy.ts'
import type { Rule } from './rule.ts'
import { literalOf, parseTemplate, type Template } from './template.ts'

/** @throws Error whose message explains why no command can run as that user */
export type FindUser = (name: string) => Promise<SystemUser>

const check = compileCheck(PolicySchema)

/**
 * Parses the text of a policy file, see POLICY.md.
 * @throws PolicyError
 */
export async function parsePolicy (text: string, findUser: FindUser): Promise<RulePolicy> {
  const policy = at('invalid JSON', () => JSON.parse(text)) as Static<typeof PolicySchema>
  const error = check(policy)
  if (error !== undefined) throw new PolicyError(`${error.path.slice(1) || 'the file'}: ${error.message}`)
  const rules = new Map<string, Rule>()
  for (const [name, type] of Object.entries(policy.types)) {
    const path = `types/${name}`
    if ((type.argv === undefined) === (type.shell === undefined)) throw new PolicyError(`${path}: needs exactly one of argv and shell`)
    const user = type.user === undefined ? undefined : await findUser(type.user).catch((error: Error) => { throw new PolicyError(`${path}/user: ${error.message}`) })
    rules.set(name, readRule(name, path, type, user))
  }
  return new RulePolicy(rules)
}

function readRule (name: string, path: string, type: PolicyType, user: SystemUser | undefined): Rule {
  const { title, description, argv, shell, config, cwd, timeoutMs, concurrency } = type
  return {
    published: { name, ...defined({ title, description, config, shell, timeoutMs, concurrency }) },
    argv: argv === undefined ? undefined : parseArgv(`${path}/argv`, argv),
    check: config === undefined ? undefined : at(`${path}/config`, () => compileConfigCheck(config)),
    absentConfig: config?.type === 'object' ? {} : '',
    env: readEnv(`${path}/env`, type.env ?? {}),
    ...defined({ cwd, user })
  }
}

function readEnv (path: string, env: Record<string, string>): Array<[name: string, value: Template]> {
  return Object.entries(env).map(([name, text]) => {
    const value = at(`${path}/${name}`, () => parseTemplate(text))
    if (name.startsWith('TASK_')) throw new PolicyError(`${path}/${name}: names that start with TASK_ are reserved for the processor`)
    if (CODE_LOADER_VARIABLES.test(name) && literalOf(value) === undefined) {
      throw new PolicyError(`${path}/${name}: must not contain a placeholder, because this variable controls what code is loaded`)
    }
    return [name, value]
  })
}
