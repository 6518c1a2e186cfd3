import { Type, type Static } from '@sinclair/typebox'
import { TASK_ID_MAX_LENGTH, TASK_ID_PATTERN, TASK_STATUSES } from './task.ts'

export const TaskStatusSchema = Type.Union(TASK_STATUSES.map((status) => Type.Literal(status)))

export const TaskIdSchema = Type.String({
  pattern: TASK_ID_PATTERN, maxLength: TASK_ID_MAX_LENGTH, description: 'a task id (task_<digits>_<letters and digits>)'
})

const Timestamp = Type.Union([Type.String({ description: 'ISO 8601, UTC' }), Type.Null()])

/** A task as this package writes it. Files of others may hold other fields, or other types in these. */
export const TaskSchema = Type.Object({
  id: TaskIdSchema,
  command: Type.String(),
  type: Type.String(),
  app: Type.Union([Type.String(), Type.Null()]),
  config: Type.Unknown({ description: 'any JSON value' }),
  status: TaskStatusSchema,
  createdAt: Type.String({ description: 'ISO 8601, UTC' }),
  startedAt: Timestamp,
  completedAt: Timestamp,
  heartbeatAt: Timestamp,
  exitCode: Type.Union([Type.Integer(), Type.Null()]),
  errorMessage: Type.Union([Type.String(), Type.Null()]),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1 }))
}, { additionalProperties: true })
export type Task = Static<typeof TaskSchema>

/** What a client may say of a new task. */
export const NewTaskSchema = Type.Object({
  command: Type.String({ pattern: '^\\s*[^\\s\\0][^\\0]*$', description: 'a command that is not blank' }),
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  app: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
  config: Type.Optional(Type.Unknown({ description: 'any JSON value' })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })),
  id: Type.Optional(TaskIdSchema)
}, { additionalProperties: false })
export type NewTask = Static<typeof NewTaskSchema>
