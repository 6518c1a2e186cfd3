import { Type, type Static } from '@sinclair/typebox'
import { MAX_TIMER_MS } from '../util/timers.ts'
import { TASK_ID_MAX_LENGTH, TASK_ID_PATTERN } from './task-id.ts'
import { TASK_STATUSES } from './task-status.ts'

export const TaskStatusSchema = Type.Union(TASK_STATUSES.map((status) => Type.Literal(status)))

export const TaskIdSchema = Type.String({
  pattern: TASK_ID_PATTERN, maxLength: TASK_ID_MAX_LENGTH, description: `a task id (task_<digits>_<letters and digits>, at most ${TASK_ID_MAX_LENGTH} characters)`
})

/** A time in UTC. */
export const TIME_PATTERN = '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d+)?(Z|\\+00:00)$'
const Time = Type.String({ pattern: TIME_PATTERN, description: 'a time in UTC (ISO 8601)' })
const TimeOrNull = Type.Union([Type.String({ pattern: TIME_PATTERN }), Type.Null()], { description: 'a time in UTC (ISO 8601), or null' })
const StringOrNull = Type.Union([Type.String(), Type.Null()], { description: 'a string or null' })

/** A task as this package writes it. Files written by other programs may have more fields, or other types in these. */
export const TaskSchema = Type.Object({
  id: TaskIdSchema,
  command: Type.String({ description: 'a string' }),
  type: Type.String({ description: 'a string' }),
  app: StringOrNull,
  config: Type.Unknown({ description: 'any JSON value' }),
  status: Type.Union(TaskStatusSchema.anyOf, { description: `one of ${TASK_STATUSES.join(', ')}` }),
  createdAt: Time,
  startedAt: TimeOrNull,
  completedAt: TimeOrNull,
  heartbeatAt: TimeOrNull,
  exitCode: Type.Union([Type.Integer(), Type.Null()], { description: 'an integer or null' }),
  errorMessage: StringOrNull,
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, description: 'a positive integer, in ms' }))
}, { additionalProperties: true })
export type Task = Static<typeof TaskSchema>

/** A task without `config` and custom fields, for lists. */
export const TaskSummarySchema = Type.Omit(TaskSchema, ['config'])
export type TaskSummary = Static<typeof TaskSummarySchema>

/** The fields that a client may set when it creates a task. */
export const NewTaskSchema = Type.Object({
  command: Type.String({ pattern: '^\\s*[^\\s\\0][^\\0]*$', description: 'a string that is not blank, without NUL' }),
  type: Type.Optional(Type.String({ pattern: '^[^\\0]+$', maxLength: 200, description: 'a string of 1 to 200 characters, without NUL' })),
  app: Type.Optional(Type.Union([Type.String({ pattern: '^[^\\0]*$', maxLength: 200 }), Type.Null()], {
    description: 'a string of at most 200 characters, without NUL, or null'
  })),
  config: Type.Optional(Type.Unknown({ description: 'any JSON value' })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TIMER_MS, description: `an integer from 1 to ${MAX_TIMER_MS}, in ms` })),
  id: Type.Optional(TaskIdSchema)
}, { additionalProperties: false })
export type NewTask = Static<typeof NewTaskSchema>

/** The values of fields that are missing. */
export const NEW_TASK_DEFAULTS = { type: 'custom', app: null, config: '' } as const
