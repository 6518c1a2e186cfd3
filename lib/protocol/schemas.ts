import { Type } from '@sinclair/typebox'
import { TaskSchema } from '../shared/task-schema.ts'

/** The version of the file contract, which PROTOCOL.md beside this file describes. */
export const PROTOCOL_VERSION = 1

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'

const { id, command, status } = TaskSchema.properties

/** `ID.json`. Three fields are required. Programs may add fields of their own. */
export const TaskFileSchema = Type.Object({ ...Type.Partial(TaskSchema).properties, id, command, status }, {
  $schema: DRAFT,
  $id: `urn:fastify-tasks:protocol:${PROTOCOL_VERSION}:task`,
  title: 'A task: ID.json',
  additionalProperties: true
})

/** `ID.claim`. */
export const ClaimFileSchema = Type.Object({
  by: Type.Union([Type.Literal('processor'), Type.Literal('cancel')], { description: 'processor or cancel' }),
  nonce: Type.String({ minLength: 1, description: 'a string that is not empty' })
}, {
  $schema: DRAFT,
  $id: `urn:fastify-tasks:protocol:${PROTOCOL_VERSION}:claim`,
  title: 'A claim: ID.claim',
  additionalProperties: true
})
