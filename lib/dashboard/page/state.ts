import { computed, signal } from '@preact/signals'
import { TasksClient, type Health, type Task, type TaskTypes } from '../../client/index.ts'
import { API } from './config.ts'
import type { Connection, FeedMessage } from './feed/messages.ts'
import { countByStatus, filterTasks, typesOf } from './list/filter.ts'
import { filterOf, route } from './routing/router.ts'
import { TaskTable } from './task-table.ts'
import { announceChange } from './ui/announcer.ts'

export const client = new TasksClient(API)

const table = new TaskTable()

/** All tasks, newest first; undefined: not known yet. */
export const tasks = signal<readonly Task[] | undefined>(undefined)
export const connection = signal<Connection>({ type: 'connecting' })
/** Undefined: not known yet, or it can't be asked for. */
export const health = signal<Health | undefined>(undefined)
export const types = signal<TaskTypes | undefined>(undefined)
/** Of this browser, moved once a second while the page is visible. */
export const now = signal(Date.now())

export const readOnly = computed(() => health.value?.readOnly === true)
export const counts = computed(() => countByStatus(tasks.value ?? []))
export const usedTypes = computed(() => typesOf(tasks.value ?? []))
export const shownTasks = computed(() => filterTasks(tasks.value ?? [], filterOf(route.value)))

/** Undefined: there is none, as far as is known. */
export function taskById (id: string): Task | undefined {
  // what it depends on
  return tasks.value === undefined ? undefined : table.get(id)
}

export function receive (message: FeedMessage): void {
  if (message.type === 'snapshot') {
    table.replace(message.tasks)
    tasks.value = table.list
  } else if (message.type === 'changes') {
    const upserts = message.changes.flatMap((change) => change.type === 'upsert' ? [{ before: table.get(change.task.id), task: change.task }] : [])
    table.apply(message.changes)
    tasks.value = table.list
    for (const { before, task } of upserts) announceChange(before, task)
  } else connection.value = message
}
