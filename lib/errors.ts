import createError from '@fastify/error'

/** Thrown at registration if the options are invalid. */
export const FST_TASKS_OPTIONS = createError<[string]>('FST_TASKS_OPTIONS',
  'fastify-tasks: %s. Register it with { dir: "/path/of/the/tasks" }, or with { store }.', 500)

/** @throws at registration of the dashboard: the options can't be used. */
export const FST_TASKS_DASHBOARD_OPTIONS = createError<[string]>('FST_TASKS_DASHBOARD_OPTIONS',
  'fastify-tasks/dashboard: %s. Register it with { prefix: "/tasks", api: "/api/tasks" }.', 500)

export const FST_TASKS_ALREADY_REGISTERED = createError('FST_TASKS_ALREADY_REGISTERED',
  'fastify-tasks is already registered in this scope. Register another directory in a scope of its own, and a ' +
  'second view of the same one with { store: fastify.tasks.store, prefix }.', 500)

export const FST_TASKS_DIRECTORY = createError<[string, string]>('FST_TASKS_DIRECTORY',
  'The tasks directory %s can\'t be used: %s', 500)

export const FST_TASKS_NOT_AN_SSE_ROUTE = createError('FST_TASKS_NOT_AN_SSE_ROUTE',
  'reply.taskEvents() needs a Server-Sent-Events route: register @fastify/sse in the route\'s scope, and add ' +
  "sse: { kind: 'only', heartbeat: false } to the route's options.", 500)

export const FST_TASKS_VALIDATION = createError<[string]>('FST_TASKS_VALIDATION', '%s', 400)

export const FST_TASKS_NOT_FOUND = createError<[string]>('FST_TASKS_NOT_FOUND', 'Task %s not found.', 404)

export const FST_TASKS_NOT_ACTIVE = createError<[string]>('FST_TASKS_NOT_ACTIVE',
  'Task %s has already finished.', 409)

export const FST_TASKS_ACTIVE = createError<[string, string]>('FST_TASKS_ACTIVE',
  'Task %s is %s. Cancel it first, or delete it with force=true.', 409)

export const FST_TASKS_ID_TAKEN = createError<[string]>('FST_TASKS_ID_TAKEN',
  'Id %s is taken by an unreadable file or by a task that is being deleted.', 409)

export const FST_TASKS_TOO_LARGE = createError<[number]>('FST_TASKS_TOO_LARGE',
  'The task would be larger than %d bytes.', 413)

export const FST_TASKS_POSITION = createError<[number, number]>('FST_TASKS_POSITION',
  'Position %d is past the end of the log (%d bytes). The log was truncated: start over.', 416)

export const FST_TASKS_RANGE = createError<[number]>('FST_TASKS_RANGE',
  'The range is beyond the end of the log, which has %d bytes.', 416)

/** For a client that follows a log without Server-Sent Events; those are told with a 200. */
export const FST_TASKS_TOO_MANY_CLIENTS = createError('FST_TASKS_TOO_MANY_CLIENTS',
  'There are too many clients. Try again later.', 503)

/** A file operation failed. The message contains the error code but never a path. */
export const FST_TASKS_STORAGE = createError<[string]>('FST_TASKS_STORAGE',
  'The tasks directory could not be written or read (%s).', 500)

export const FST_TASKS_STORAGE_FULL = createError<[string]>('FST_TASKS_STORAGE_FULL',
  'There is no space left for the task (%s). Nothing was created.', 507)
