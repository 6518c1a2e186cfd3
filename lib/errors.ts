import createError from '@fastify/error'

/** An error of the plugin. */
export interface TasksPluginError extends Error {
  readonly code: string
  /** Status of the response, if the error is one. */
  readonly statusCode: number
}

/**
 * A class of errors, for `instanceof`. Declared here, because the types of @fastify/error do not compile in a host that
 * resolves modules like a bundler.
 */
export interface TasksErrorConstructor<Args extends readonly unknown[]> {
  new (...args: Args): TasksPluginError
  (...args: Args): TasksPluginError
  readonly prototype: TasksPluginError
}

// Every error of the plugin. Compare `code`, not the message. Errors with a status of 4xx or 5xx are also the responses of
// the routes.

/** Registration of the plugin: an option is invalid. */
export const FST_TASKS_OPTIONS: TasksErrorConstructor<[string]> = createError('FST_TASKS_OPTIONS',
  'fastify-tasks: %s', 500)

/** Registration of the dashboard: an option is invalid. */
export const FST_TASKS_DASHBOARD_OPTIONS: TasksErrorConstructor<[string]> = createError('FST_TASKS_DASHBOARD_OPTIONS',
  'fastify-tasks/dashboard: %s', 500)

/** Registration of the plugin: the scope has another store already. */
export const FST_TASKS_ALREADY_REGISTERED: TasksErrorConstructor<[]> = createError('FST_TASKS_ALREADY_REGISTERED',
  'fastify-tasks is already registered in this scope. Register another directory in another scope, or a second view of the ' +
  'same directory with { store: fastify.tasks.store, prefix }.', 500)

/** Registration of the plugin: the host has a decorator of its own with one of the plugin's names. The argument is the name. */
export const FST_TASKS_DECORATOR: TasksErrorConstructor<[string]> = createError('FST_TASKS_DECORATOR',
  'The host has a decorator %s of its own. Rename it, or register fastify-tasks in another scope.', 500)

/** Registration of the plugin: the directory cannot be created or accessed. The arguments are its path and the error code. */
export const FST_TASKS_DIRECTORY: TasksErrorConstructor<[string, string]> = createError('FST_TASKS_DIRECTORY',
  'The tasks directory %s cannot be used (%s). Check its path and its permissions.', 500)

/** `reply.taskEvents()` was called in a route that does not serve Server-Sent Events. */
export const FST_TASKS_NOT_AN_SSE_ROUTE: TasksErrorConstructor<[]> = createError('FST_TASKS_NOT_AN_SSE_ROUTE',
  'reply.taskEvents() needs a route with Server-Sent Events. Register @fastify/sse in the scope of the route, and add ' +
  "sse: { kind: 'only', heartbeat: false } to the options of the route.", 500)

/** `reply.taskEvents()` was called with an invalid filter: a mistake of the host, not of the client. */
export const FST_TASKS_FILTER: TasksErrorConstructor<[string]> = createError('FST_TASKS_FILTER',
  'reply.taskEvents(): %s', 500)

/** A request, or an argument of a method of `fastify.tasks`, is invalid. The message names the field. */
export const FST_TASKS_VALIDATION: TasksErrorConstructor<[string]> = createError('FST_TASKS_VALIDATION', '%s', 400)

/** The task does not exist, or its id is malformed. */
export const FST_TASKS_NOT_FOUND: TasksErrorConstructor<[string]> = createError('FST_TASKS_NOT_FOUND', 'Task %s not found.', 404)

/** Cancelling a task that has finished. */
export const FST_TASKS_NOT_ACTIVE: TasksErrorConstructor<[string]> = createError('FST_TASKS_NOT_ACTIVE',
  'Task %s has already finished.', 409)

/** Deleting a task that has not finished, without force. The arguments are its id and its status. */
export const FST_TASKS_ACTIVE: TasksErrorConstructor<[string, string]> = createError('FST_TASKS_ACTIVE',
  'Task %s is %s. Cancel it first, or delete it with force=true.', 409)

/** Cancelling or deleting a task whose file cannot be read. */
export const FST_TASKS_UNREADABLE: TasksErrorConstructor<[string]> = createError('FST_TASKS_UNREADABLE',
  'The file of task %s cannot be read, so its status is unknown. Repair the file, or delete the task with force=true.', 409)

/** Creating a task with an id that cannot be used now. */
export const FST_TASKS_ID_TAKEN: TasksErrorConstructor<[string]> = createError('FST_TASKS_ID_TAKEN',
  'Id %s is taken by an unreadable file or by a task that is being deleted.', 409)

/** Creating a task with the id of another one. The arguments are the id and the names of the fields in which they differ. */
export const FST_TASKS_EXISTS: TasksErrorConstructor<[string, string]> = createError('FST_TASKS_EXISTS',
  'Task %s exists with another value of %s. Use another id, or none, for a new task.', 409)

/**
 * A name of the task's files belongs to a directory, a link or something else that is not a regular file. The arguments are
 * the name and the reason.
 */
export const FST_TASKS_UNUSABLE_FILE: TasksErrorConstructor<[string, string]> = createError('FST_TASKS_UNUSABLE_FILE',
  '%s cannot be used: %s. Remove it from the tasks directory, then try again.', 409)

/** Creating a task whose file would be too large. The argument is the limit in bytes. */
export const FST_TASKS_TOO_LARGE: TasksErrorConstructor<[number]> = createError('FST_TASKS_TOO_LARGE',
  'The task would be larger than %d bytes.', 413)

/** Reading a log from a position past its end. The arguments are the position and the size in bytes. */
export const FST_TASKS_POSITION: TasksErrorConstructor<[number, number]> = createError('FST_TASKS_POSITION',
  'Position %d is past the end of the log (%d bytes). If the log was truncated, start over at 0.', 416)

/** Reading a range of a log that does not overlap it. The argument is the size in bytes. */
export const FST_TASKS_RANGE: TasksErrorConstructor<[number]> = createError('FST_TASKS_RANGE',
  'The range is past the end of the log (%d bytes).', 416)

/** Following a log without Server-Sent Events while all slots are in use. Event streams answer 200 with a long `retry`. */
export const FST_TASKS_TOO_MANY_CLIENTS: TasksErrorConstructor<[]> = createError('FST_TASKS_TOO_MANY_CLIENTS',
  'Too many streaming clients. Try again later.', 503)

/** A file operation failed. The argument is the error code of the system; the message never contains a path. */
export const FST_TASKS_STORAGE: TasksErrorConstructor<[string]> = createError('FST_TASKS_STORAGE',
  'The tasks directory could not be written or read (%s).', 500)

/** Creating a task while the file system is full. The argument is the error code of the system. */
export const FST_TASKS_STORAGE_FULL: TasksErrorConstructor<[string]> = createError('FST_TASKS_STORAGE_FULL',
  'No space left for the task (%s). Nothing was created.', 507)
