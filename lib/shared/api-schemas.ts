import { Type, type Static, type TInteger } from '@sinclair/typebox'
import { CURSOR_PATTERN } from './task-order.ts'
import { TaskIdSchema, TaskSchema } from './task-schema.ts'
import { TASK_STATUSES, type TaskStatus } from './task-status.ts'

// Parameters and responses of the HTTP routes, except the tasks themselves. The types of the client derive from them.
// Query parameters arrive as strings.

/** Digits only: `Number` also accepts signs, exponents and other bases. */
const PositionSchema = Type.String({ pattern: '^\\d{1,15}$', description: 'a byte offset' })
const CountSchema = Type.String({ pattern: '^[1-9]\\d{0,8}$', description: 'a number from 1 to 999999999' })
const BooleanSchema = Type.Union(['0', '1', 'true', 'false'].map((value) => Type.Literal(value)), { description: 'one of 0, 1, true, false' })

export function isTrue (value: Static<typeof BooleanSchema> | undefined): boolean {
  return value === '1' || value === 'true'
}

export const IdParamsSchema = Type.Object({ id: TaskIdSchema })

export const ListQuerySchema = Type.Object({
  status: Type.Optional(Type.Array(TaskSchema.properties.status)),
  limit: Type.Optional(CountSchema),
  before: Type.Optional(Type.Union([
    TaskIdSchema, Type.String({ pattern: CURSOR_PATTERN })
  ], { description: 'the `before` of the link to the next page, or a task id' })),
  summary: Type.Optional(BooleanSchema)
}, { additionalProperties: false })

export const DeleteQuerySchema = Type.Object({ force: Type.Optional(BooleanSchema) }, { additionalProperties: false })

export const DeleteResponseSchema = Type.Object({ ok: Type.Boolean(), forced: Type.Boolean() })
export type DeleteResponse = Static<typeof DeleteResponseSchema>

export const CancelResponseSchema = Type.Object({ ok: Type.Boolean() })

export const LogQuerySchema = Type.Object({
  position: Type.Optional(PositionSchema),
  tail: Type.Optional(Type.String({ pattern: '^\\d{1,9}$', description: 'a number of lines' })),
  follow: Type.Optional(BooleanSchema)
}, { additionalProperties: false })
export type LogQuery = Static<typeof LogQuerySchema>

export const LogEventsQuerySchema = Type.Object({
  position: Type.Optional(PositionSchema),
  lastEventId: Type.Optional(Type.String({ maxLength: 100 }))
}, { additionalProperties: false })

export const SearchQuerySchema = Type.Object({
  q: Type.String({ pattern: '^[^\\r\\n]{1,200}$', description: 'a text of 1 to 200 characters on one line' }),
  before: Type.Optional(PositionSchema),
  limit: Type.Optional(Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$', description: 'a number from 1 to 1000' }))
}, { additionalProperties: false })

export const SearchResultSchema = Type.Object({
  matches: Type.Array(Type.Object({
    offset: Type.Integer({ description: 'byte offset of the first byte of the line' }),
    line: Type.String()
  }), { description: 'the last match of the log first' }),
  next: Type.Union([Type.Integer(), Type.Null()], { description: 'value of `before` for the next request; null: the whole log was searched' })
})
export type SearchResult = Static<typeof SearchResultSchema>

export const EventsQuerySchema = Type.Object({
  lastEventId: Type.Optional(Type.String({ maxLength: 100 })),
  task: Type.Optional(Type.Array(TaskIdSchema, { maxItems: 1000 })),
  logs: Type.Optional(BooleanSchema),
  log: Type.Optional(Type.Array(TaskIdSchema, { maxItems: 1000 }))
}, { additionalProperties: false })

export const HealthQuerySchema = Type.Object({ strict: Type.Optional(BooleanSchema) }, { additionalProperties: false })

export const HealthSchema = Type.Object({
  processorAlive: Type.Boolean(),
  readOnly: Type.Boolean({ description: 'these routes cannot create, cancel or delete tasks' }),
  problems: Type.Array(Type.Object({
    code: Type.String(),
    message: Type.String(),
    serious: Type.Optional(Type.Boolean({ description: 'tasks cannot run, or the listed ones may be out of date' })),
    count: Type.Optional(Type.Integer())
  })),
  tasks: Type.Optional(Type.Integer({ description: 'number of tasks' })),
  tasksByStatus: Type.Optional(Type.Object({
    ...Object.fromEntries(TASK_STATUSES.map((status) => [status, Type.Integer()])) as Record<TaskStatus, TInteger>,
    unknown: Type.Optional(Type.Integer({ description: 'tasks without a status, or with another one: they do not run' }))
  }, { description: 'number of tasks with each status' })),
  oldestQueuedMs: Type.Optional(Type.Union([Type.Integer(), Type.Null()], { description: 'time since the creation of the oldest queued task, in ms; null: no task is queued' })),
  watcher: Type.Optional(Type.String({ description: 'how changes are found: native (file events) or polling' })),
  polledFiles: Type.Optional(Type.Integer({ description: 'files that are also polled, because file events may be missing' })),
  missedChanges: Type.Optional(Type.Integer({ description: 'changes that were found only by scanning' })),
  unreadableFiles: Type.Optional(Type.Integer()),
  sseClients: Type.Integer({ description: 'clients of the feed and followers of logs' }),
  feed: Type.Object({
    deliveries: Type.Integer({ description: 'events sent, counted once per client' }),
    bytes: Type.Integer(),
    withheld: Type.Integer({ description: 'log chunks that were not sent to slow clients' }),
    dropped: Type.Integer({ description: 'clients that were disconnected because they did not read' }),
    resumed: Type.Integer({ description: 'clients that reconnected and received the events that they had missed' }),
    filterErrors: Type.Integer({ description: 'calls of a `where` filter of the host that failed; the task was not sent' })
  }),
  limits: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'limits that the processor has published' }))
}, { additionalProperties: true, description: 'a read-only view has no further fields' })
export type Health = Static<typeof HealthSchema>

export const ErrorResponseSchema = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String(),
  error: Type.String(),
  message: Type.String()
})
export type ErrorResponse = Static<typeof ErrorResponseSchema>
