import { signal } from '@preact/signals'
import type { TaskSummary } from '../../../client/index.ts'
import { textOf } from './text.ts'
import { isTerminal } from '../../../shared/task-status.ts'

/** Ids of the tasks whose changes are announced: those that were opened or created in this page. */
const watched = signal<ReadonlySet<string>>(new Set())

/** Announcements for screen readers. */
export const announcement = signal('')

export function announce (text: string): void {
  announcement.value = text
}

export function watchTask (id: string): void {
  watched.value = new Set([...watched.value, id])
}

export function announceChange (before: TaskSummary | undefined, { id, command, status, exitCode }: TaskSummary): void {
  if (!watched.value.has(id) || before?.status === status) return
  announce(`Task ${textOf(command).slice(0, 60)}: ${textOf(status)}${isTerminal(status) && typeof exitCode === 'number' ? `, exit code ${exitCode}` : ''}`)
}
