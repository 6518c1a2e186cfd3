import type { Static } from '@sinclair/typebox'
import { compileCheck } from '../../util/compile-check.ts'
import { CODE_LOADER_VARIABLES } from '../environment.ts'
import { compileConfigCheck } from './config-check.ts'
import { RulePolicy } from './rule-policy.ts'
import { defined } from '../../util/defined.ts'
import type { SystemUser } from './policy.ts'
import { PolicySchema, type PolicyType } from './policy-schema.ts'
import type { Rule } from './rule.ts'
import { literalOf, parseTemplate, type Template } from './template.ts'

/** A policy can't be used; the message names the place in it. */
export class PolicyError extends Error {
  readonly code = 'POLICY'
}

/** @throws Error whose message says why a command can't run as that user */
export type FindUser = (name: string) => Promise<SystemUser>

const check = compileCheck(PolicySchema)

/** @throws PolicyError */
export async function parsePolicy (text: string, findUser: FindUser): Promise<RulePolicy> {
  const policy = at('the policy', () => JSON.parse(text)) as Static<typeof PolicySchema>
  const problem = check(policy)
  if (problem !== undefined) throw new PolicyError(`${problem.path.slice(1) || 'the policy'}: ${problem.message}`)
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
    argv: argv === undefined ? undefined : readArgv(`${path}/argv`, argv),
    check: config === undefined ? undefined : at(`${path}/config`, () => compileConfigCheck(config)),
    absentConfig: config?.type === 'object' ? {} : '',
    env: readEnv(`${path}/env`, type.env ?? {}),
    ...defined({ cwd, user })
  }
}

const PROGRAM = /^(\/|[A-Za-z0-9_])/
/** Interpreters that take a script as an argument, and the options that introduce it. */
const INTERPRETER = /^(.*\/)?((ba|da|a|k|mk|z|fi|c|tc)?sh|python[\d.]*|perl|ruby|node|php|lua)$/
const SCRIPT_FOLLOWS = /^(-[A-Za-z]*[ceEpr]|--eval|--print|--command)/
/** Options of theirs with a value as an item of its own, behind which more of them may stand. */
const VALUE_FOLLOWS = /^([-+][oO]|-[WXQrRIMCd]|--(rcfile|init-file|require|import|loader|init-command))$/

function readArgv (path: string, items: string[]): { program: string, args: Template[] } {
  const [first, ...args] = items.map((item, index) => at(`${path}/${index}`, () => parseTemplate(item)))
  const program = literalOf(first!)
  if (program === undefined) throw new PolicyError(`${path}/0: the program can't depend on the task`)
  if (!PROGRAM.test(program) || (program.includes('/') && !program.startsWith('/'))) {
    throw new PolicyError(`${path}/0: must be an absolute path, or the name of a program`)
  }
  if (program.includes('=')) throw new PolicyError(`${path}/0: a program's name can't hold "=": where it is started through env, that would set a variable`)
  const script = scriptItems(items).find((index) => literalOf(args[index - 1]!) === undefined)
  if (script !== undefined) {
    throw new PolicyError(`${path}/${script}: a placeholder cannot be part of a script; use "$1" in the script and pass "sh" and the value as further arguments`)
  }
  return { program, args }
}

/** Where scripts stand, or may stand: from the option that announces one to the first item that is none. */
function scriptItems (items: string[]): number[] {
  const found: number[] = []
  for (const [program, item] of items.entries()) {
    if (!INTERPRETER.test(item)) continue
    let announced = false
    for (let index = program + 1; index < items.length; index++) {
      const isOption = /^[-+]/.test(items[index]!)
      announced ||= SCRIPT_FOLLOWS.test(items[index]!)
      if (announced) found.push(index)
      const isValue = VALUE_FOLLOWS.test(items[index - 1]!)
      if (!isOption && !isValue) break
    }
  }
  return found
}

function readEnv (path: string, env: Record<string, string>): Array<[name: string, value: Template]> {
  return Object.entries(env).map(([name, text]) => {
    const value = at(`${path}/${name}`, () => parseTemplate(text))
    if (name.startsWith('TASK_')) throw new PolicyError(`${path}/${name}: names that begin with TASK_ are the processor's own`)
    if (CODE_LOADER_VARIABLES.test(name) && literalOf(value) === undefined) throw new PolicyError(`${path}/${name}: can't depend on the task`)
    return [name, value]
  })
}

function at<T> (path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new PolicyError(`${path}: ${(error as Error).message}`)
  }
}
