import type { Task } from '../../shared/task-schema.ts'
import type { TaskType } from '../../shared/task-types.ts'
import { defined } from '../../util/defined.ts'
import type { ConfigCheck } from './config-check.ts'
import type { ArgvTemplate } from './parse-argv.ts'
import type { Plan, SystemUser } from './policy.ts'
import { Refusal } from './refusal.ts'
import { holdsNul, taskVariables, timeoutOf, whyNotRunnable } from './task-input.ts'
import { fillTemplate, literalOf, type Template, type TemplateValues } from './template.ts'

/** How the tasks of one type run. */
export interface Rule {
  readonly published: TaskType
  /** Undefined: the task's own command is run in a shell. */
  readonly argv: ArgvTemplate | undefined
  readonly check: ConfigCheck | undefined
  /** Used as the config of a task that has none. */
  readonly absentConfig: unknown
  readonly env: ReadonlyArray<readonly [name: string, value: Template]>
  readonly cwd?: string
  readonly user?: SystemUser
}

/** @throws Refusal if the task does not match the rule */
export function planByRule (rule: Rule, task: Task): Plan {
  const { published: { name: type, timeoutMs }, argv, cwd, user } = rule
  const unusable = argv === undefined ? whyNotRunnable(task) : holdsNul(task.app) ? 'The app contains a NUL byte.' : undefined
  if (unusable !== undefined) throw new Refusal(unusable)
  const config = task.config === undefined || task.config === '' ? rule.absentConfig : task.config
  const configError = rule.check?.(config)
  if (configError !== undefined) throw new Refusal(configError)
  const values = { id: task.id, type, app: task.app, config }
  const settings = {
    type,
    env: { ...user && userVariables(user), ...fillEnv(rule.env, values), ...taskVariables(task) },
    ...defined({ cwd, user, timeoutMs: smaller(timeoutMs, timeoutOf(task)) })
  }
  return argv === undefined ? { shell: task.command, ...settings } : { argv: [argv.program, ...fillArgs(argv.args, values)], ...settings }
}

function fillArgs (args: readonly Template[], values: TemplateValues): string[] {
  // most programs take no argument after `--` for an option
  const end = args.findIndex((template) => literalOf(template) === '--')
  return args.map((template, index) => fillTemplate(template, values, { mayStartWithDash: end >= 0 && index > end }))
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
