import { at, PolicyError } from './policy-error.ts'
import { literalOf, parseTemplate, type Template } from './template.ts'

export interface ArgvTemplate {
  readonly program: string
  readonly args: readonly Template[]
}

const PROGRAM = /^(\/|[A-Za-z0-9_])/
/** Interpreters that take a script as an argument. */
const INTERPRETER = /^(.*\/)?((ba|da|a|k|mk|z|fi|c|tc)?sh|python[\d.]*|perl|ruby|node|php|lua)$/
/** Options of interpreters that are followed by a script. */
const SCRIPT_FOLLOWS = /^(-[A-Za-z]*[ceEpr]|--eval|--print|--command)/
/** Options of interpreters that take the next argument as their value; further options may follow it. */
const VALUE_FOLLOWS = /^([-+][oO]|-[WXQrRIMCd]|--(rcfile|init-file|require|import|loader|init-command))$/

/**
 * Parses the `argv` of a type. The program must be fixed, and no placeholder may be part of a script.
 * @param path place in the policy, for messages
 * @throws PolicyError
 */
export function parseArgv (path: string, items: readonly string[]): ArgvTemplate {
  const [first, ...args] = items.map((item, index) => at(`${path}/${index}`, () => parseTemplate(item)))
  const program = readProgram(`${path}/0`, first!)
  const script = scriptIndexes(items).find((index) => literalOf(args[index - 1]!) === undefined)
  if (script !== undefined) {
    throw new PolicyError(`${path}/${script}: a placeholder cannot be part of a script; use "$1" in the script and pass "sh" and the value as further arguments`)
  }
  return { program, args }
}

function readProgram (path: string, template: Template): string {
  const program = literalOf(template)
  if (program === undefined) throw new PolicyError(`${path}: the program must not contain a placeholder`)
  if (!PROGRAM.test(program) || (program.includes('/') && !program.startsWith('/'))) {
    throw new PolicyError(`${path}: must be an absolute path or the name of a program`)
  }
  if (program.includes('=')) throw new PolicyError(`${path}: the program must not contain "=", because "env" would take it for a variable`)
  return program
}

/** Indexes of the arguments that are, or may be, a script: from the option that introduces it to the first non-option. */
function scriptIndexes (items: readonly string[]): number[] {
  const found: number[] = []
  for (const [interpreter, item] of items.entries()) {
    if (!INTERPRETER.test(item)) continue
    let isIntroduced = false
    for (let index = interpreter + 1; index < items.length; index++) {
      const isOption = /^[-+]/.test(items[index]!)
      isIntroduced ||= SCRIPT_FOLLOWS.test(items[index]!)
      if (isIntroduced) found.push(index)
      const isValue = VALUE_FOLLOWS.test(items[index - 1]!)
      if (!isOption && !isValue) break
    }
  }
  return found
}
