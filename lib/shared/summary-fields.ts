import type { TaskSummary } from './task-schema.ts'

const FIELDS: Readonly<Record<keyof TaskSummary, true>> = {
  id: true,
  command: true,
  type: true,
  app: true,
  status: true,
  createdAt: true,
  startedAt: true,
  completedAt: true,
  heartbeatAt: true,
  exitCode: true,
  errorMessage: true,
  timeoutMs: true
}

/** The fields of a summary: all fields of a task except `config` and custom ones. */
export const SUMMARY_FIELDS: readonly string[] = Object.keys(FIELDS)
