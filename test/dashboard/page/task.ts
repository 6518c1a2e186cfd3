import type { Task } from '../../../lib/shared/task-schema.ts'

/** A task of any content, as another program may have written it. */
export function task (fields: Record<string, unknown>): Task {
  return { id: 'task_1_a', command: 'true', type: 'custom', app: null, status: 'queued', createdAt: '2026-01-01T00:00:00.000Z', ...fields } as unknown as Task
}
