import { signal } from '@preact/signals'
import type { Task } from '../../../client/index.ts'
import { textOf } from './text.ts'
import { isTerminal } from '../../../shared/task-status.ts'

/** Whose changes are told: the one that is looked at, or that this page began. */
const watched = new Set<string>()

/** Announcements for screen readers. */
export const announcement = signal('')

export function announce (text: string): void {
  announcement.value = text
}

export function watchTask (id: string): void {
  watched.add(id)
}

export function announceChange (before: Task | undefined, { id, command, status, exitCode }: Task): void {
  if (!watched.has(id) || before?.status === status) return
  announce(`Task ${textOf(command).slice(0, 60)}: ${textOf(status)}${isTerminal(status) && typeof exitCode === 'number' ? `, exit code ${exitCode}` : ''}`)
}
