import { computed, signal } from '@preact/signals'
import { TasksClient, type Health, type TaskSummary, type TaskTypes } from '../../client/index.ts'
import { config } from './config.ts'
import { PageFeed } from './feed/page-feed.ts'
import type { FeedMessage, FeedState } from './feed/messages.ts'
import { countByStatus, filterTasks, typesOf } from './list/filter.ts'
import { ScrollAnchor } from './list/scroll-anchor.ts'
import { listFilter } from './routing/router.ts'
import { TaskTable, type TaskChange } from './task-table.ts'
import { announceChange } from './ui/announcer.ts'

const table = new TaskTable()

/** Where the list is scrolled to. */
export const listAnchor = new ScrollAnchor()

/** All tasks, newest first; undefined until the first snapshot. */
export const tasks = signal<readonly TaskSummary[] | undefined>(undefined)
export const feedState = signal<FeedState>({ type: 'connecting' })
/** Undefined until the first response, or if the API denies access to it. */
export const health = signal<Health | undefined>(undefined)
export const types = signal<TaskTypes | undefined>(undefined)
/** The browser's clock, in ms since the epoch. It advances once a second while the page is visible. */
export const now = signal(Date.now())

// Created at first use, because they need the page's configuration.
export const client = computed(() => new TasksClient(config.value.api))
export const feed = computed(() => new PageFeed({ ...config.value, onMessage: receive }))

export const readOnly = computed(() => health.value?.readOnly === true)
export const counts = computed(() => countByStatus(tasks.value ?? []))
export const usedTypes = computed(() => typesOf(tasks.value ?? []))
export const shownTasks = computed(() => filterTasks(tasks.value ?? [], listFilter.value))

/** Undefined if no such task is known. Components that call it re-render when the tasks change. */
export function taskById (id: string): TaskSummary | undefined {
  // reading the signal makes the caller depend on it
  return tasks.value === undefined ? undefined : table.get(id)
}

/** @throws if the message does not contain JSON */
export function receive (message: Exclude<FeedMessage, { type: 'lost' }>): void {
  if (message.type === 'snapshot') {
    table.replace(message.tasks.map(parseTask))
    tasks.value = table.list
  } else if (message.type === 'changes') applyChanges(message.changes.map((change) => change.type === 'upsert' ? { type: 'upsert', task: parseTask(change.task) } : change))
  else feedState.value = message
}

function applyChanges (changes: readonly TaskChange[]): void {
  const upserts = changes.flatMap((change) => change.type === 'upsert' ? [{ before: table.get(change.task.id), task: change.task }] : [])
  table.apply(changes)
  tasks.value = table.list
  for (const { before, task } of upserts) announceChange(before, task)
}

function parseTask (text: string): TaskSummary {
  return JSON.parse(text)
}
