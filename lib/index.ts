export { plugin as default, plugin as 'module.exports', plugin as tasksPlugin } from './plugin.ts'
export { DirectoryStore } from './directory/directory-store.ts'
export * as errors from './errors.ts'
export type { FeedFilter } from './feed/filter.ts'
export type { FollowOptions } from './shared/follow-options.ts'
export type { TasksPluginOptions } from './options.ts'
export type { TaskAction } from './routes/context.ts'
export type {
  HealthProblem, Interest, Logger, LogContent, StoreHealth, TaskDeletedEvent, TaskEvent, TaskList, TaskLogEvent, TaskQuery,
  TaskStore, TaskUpsertEvent
} from './store.ts'
export { NewTaskSchema, TaskSchema, TaskStatusSchema } from './shared/task-schema.ts'
export { TASK_STATUSES } from './shared/task.ts'
export type { NewTask, Task } from './shared/task-schema.ts'
export type { StoredTask, TaskStatus } from './shared/task.ts'
export { TaskTypeSchema, TaskTypesSchema } from './shared/task-types.ts'
export type { TaskType, TaskTypes } from './shared/task-types.ts'
export type { Tasks, TasksEvents } from './tasks.ts'
