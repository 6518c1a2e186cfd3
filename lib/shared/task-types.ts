import { Type, type Static } from '@sinclair/typebox'

/** The public part of a task type: what a form needs, never how it is executed. */
export const TaskTypeSchema = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200, description: 'what a task gives as its `type`' }),
  title: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  config: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'the JSON schema (draft-07) of a task\'s `config`' })),
  shell: Type.Optional(Type.Literal(true, { description: 'the task\'s own `command` is run' })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1 })),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, description: 'how many of them run at the same time' }))
})
export type TaskType = Static<typeof TaskTypeSchema>

/** Empty and `anyType: false` if no processor has published its types. */
export const TaskTypesSchema = Type.Object({
  types: Type.Array(TaskTypeSchema, { description: 'in the order of the policy' }),
  anyType: Type.Boolean({ description: 'tasks of any other type run as commands of the shell, too' })
})
export type TaskTypes = Static<typeof TaskTypesSchema>
