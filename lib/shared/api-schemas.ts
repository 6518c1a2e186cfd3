import { Type, type Static } from '@sinclair/typebox'
import { TaskIdSchema, TaskStatusSchema } from './task-schema.ts'

// What the routes take and give, apart from tasks themselves. The client's types derive from these.

/** A byte offset: digits only, because `Number` accepts much more. */
const PositionSchema = Type.String({ pattern: '^\\d{1,15}$', description: 'a byte offset' })
const CountSchema = Type.String({ pattern: '^[1-9]\\d{0,8}$', description: 'a positive number' })
const BooleanSchema = Type.Union(['0', '1', 'true', 'false'].map((value) => Type.Literal(value)), { description: 'one of 0, 1, true, false' })

export function isTrue (value: Static<typeof BooleanSchema> | undefined): boolean {
  return value === '1' || value === 'true'
}

export const IdParamsSchema = Type.Object({ id: TaskIdSchema })

export const ListQuerySchema = Type.Object({
  status: Type.Optional(Type.Array(TaskStatusSchema)),
  limit: Type.Optional(CountSchema),
  before: Type.Optional(TaskIdSchema)
}, { additionalProperties: false })

export const ForceQuerySchema = Type.Object({ force: Type.Optional(BooleanSchema) }, { additionalProperties: false })

export const DeletedSchema = Type.Object({ ok: Type.Boolean(), forced: Type.Boolean() })
export type Deleted = Static<typeof DeletedSchema>

export const CancelRequestedSchema = Type.Object({ ok: Type.Boolean() })

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
    offset: Type.Integer({ description: 'byte offset at which the line begins' }),
    line: Type.String()
  }), { description: 'last one first' }),
  next: Type.Union([Type.Integer(), Type.Null()], { description: 'the `before` with which to go on; null: the log was searched to its beginning' })
})
export type SearchResult = Static<typeof SearchResultSchema>

export const EventsQuerySchema = Type.Object({
  lastEventId: Type.Optional(Type.String({ maxLength: 100 })),
  task: Type.Optional(Type.Array(TaskIdSchema, { maxItems: 1000 })),
  logs: Type.Optional(BooleanSchema),
  log: Type.Optional(Type.Array(TaskIdSchema, { maxItems: 1000, description: 'logs of these tasks alone' }))
})

export const HealthSchema = Type.Object({
  processorAlive: Type.Boolean(),
  readOnly: Type.Boolean({ description: 'nothing can be created, cancelled or deleted by these routes' }),
  problems: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), count: Type.Optional(Type.Integer()) })),
  sseClients: Type.Integer({ description: 'clients of the feed, and of logs as they grow' }),
  feed: Type.Object({
    deliveries: Type.Integer({ description: 'events sent, counted for each client' }),
    bytes: Type.Integer(),
    withheld: Type.Integer({ description: 'log chunks that slow clients were not sent' }),
    dropped: Type.Integer({ description: 'clients cut off because they did not read' }),
    resumed: Type.Integer({ description: 'clients that came back and were told what they missed' })
  }),
  limits: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'the processor\'s own, as it published them' }))
}, { additionalProperties: true })
export type Health = Static<typeof HealthSchema>

export const ErrorSchema = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String(),
  error: Type.String(),
  message: Type.String()
})
export type ErrorResponse = Static<typeof ErrorSchema>
