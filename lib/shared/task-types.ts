import { Type, type Static } from '@sinclair/typebox'

/** The published part of a task type: the data for a form, without the command that it runs. */
export const TaskTypeSchema = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200, description: 'value of `type` in a task' }),
  title: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  config: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'JSON schema (draft-07) of `config` in a task' })),
  shell: Type.Optional(Type.Literal(true, { description: 'the `command` of the task is run in a shell' })),
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, description: 'time limit in ms' })),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, description: 'maximum number of running tasks of this type' }))
})
export type TaskType = Static<typeof TaskTypeSchema>

/** Empty, with `anyType: false`, if no processor has published its types. */
export const TaskTypesSchema = Type.Object({
  types: Type.Array(TaskTypeSchema, { description: 'in the order of the policy' }),
  anyType: Type.Boolean({ description: 'tasks of other types are accepted, and run as shell commands' })
})
export type TaskTypes = Static<typeof TaskTypesSchema>
