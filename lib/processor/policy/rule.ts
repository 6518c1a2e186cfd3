import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import { holdsNul, taskVariables, timeoutOf, whyNotRunnable } from '../command/task-input.ts'
import type { ConfigCheck } from './config-check.ts'
import { defined } from '../../util/defined.ts'
import type { Plan, SystemUser } from './policy.ts'
import { Refusal } from './refusal.ts'
import { fillTemplate, literalOf, type Template, type TemplateValues } from './template.ts'

/** What a policy says of one type. */
export interface Rule {
  readonly published: TaskType
  /** Undefined: the task's own command is run. */
  readonly argv: { readonly program: string, readonly args: readonly Template[] } | undefined
  readonly check: ConfigCheck | undefined
  /** What a task without a config has. */
  readonly absentConfig: unknown
  readonly env: ReadonlyArray<readonly [name: string, value: Template]>
  readonly cwd?: string
  readonly user?: SystemUser
}

/** @throws Refusal */
export function planByRule (rule: Rule, task: Task): Plan {
  const { published: { name: type, timeoutMs }, argv, cwd, user } = rule
  const unusable = argv === undefined ? whyNotRunnable(task) : holdsNul(task.app) ? 'Its app holds a NUL byte.' : undefined
  if (unusable !== undefined) throw new Refusal(unusable)
  const config = task.config === undefined || task.config === '' ? rule.absentConfig : task.config
  const wrong = rule.check?.(config)
  if (wrong !== undefined) throw new Refusal(wrong)
  const values = { id: task.id, type, app: task.app, config }
  const settings = {
    type,
    env: { ...user && userVariables(user), ...fillEnv(rule.env, values), ...taskVariables(task) },
    ...defined({ cwd, user, timeoutMs: smaller(timeoutMs, timeoutOf(task)) })
  }
  return argv === undefined ? { shell: task.command, ...settings } : { argv: [argv.program, ...fillArgs(argv.args, values)], ...settings }
}

function fillArgs (args: readonly Template[], values: TemplateValues): string[] {
  // what comes after it is no option to most programs
  const end = args.findIndex((template) => literalOf(template) === '--')
  return args.map((template, index) => fillTemplate(template, values, { mayBeOption: end >= 0 && index > end }))
}

function fillEnv (env: Rule['env'], values: TemplateValues): Record<string, string> {
  return Object.fromEntries(env.map(([name, template]) => [name, fillTemplate(template, values)]))
}

function userVariables ({ name, home }: SystemUser): Record<string, string> {
  return { HOME: home, USER: name, LOGNAME: name }
}

function smaller (a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b)
}
