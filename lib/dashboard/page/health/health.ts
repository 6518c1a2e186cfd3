import { isTerminal } from '../../../task.ts'
import { TasksError, type Health, type Task } from '../../../client/index.ts'
import { client, health, types } from '../store.ts'

const EVERY_MS = 5_000
/** A queued task that waits longer while nothing runs. */
const STUCK_MS = 30_000

export interface Trouble {
  readonly code: string
  readonly message: string
  /** Nothing runs. */
  readonly serious: boolean
}

const SERIOUS = ['processor-absent', 'processor-stale', 'processor-stuck', 'directory-unreadable', 'processor-lock-unreadable']

/** What people should know, and what they can do. */
export function troublesOf (health: Health | undefined, tasks: readonly Task[], now: number): Trouble[] {
  if (health === undefined) return []
  const found = health.problems.map(({ code, message }) => ({ code, message, serious: SERIOUS.includes(code) }))
  if (!health.processorAlive || tasks.some(({ status }) => status === 'running')) return found
  const oldest = tasks.findLast(({ status }) => !isTerminal(status) && status === 'queued')
  const waiting = oldest === undefined ? 0 : now - Date.parse(oldest.createdAt)
  if (waiting < STUCK_MS) return found
  return [...found, {
    code: 'processor-stuck',
    message: 'The processor lives, but tasks wait and none runs. Look at what it says (its output, or journalctl).',
    serious: true
  }]
}

/** Asks how things are, as long as the page is looked at. */
export function watchHealth (): void {
  const look = async () => {
    if (document.hidden) return
    try {
      const [asked, told] = await Promise.all([client.health(), client.types()])
      health.value = asked
      types.value = told
    } catch (error) {
      // the feed tells of a lost connection; who may not ask for this still sees the tasks
      if (error instanceof TasksError) health.value = undefined
    }
  }
  const again = () => { look().finally(() => setTimeout(again, EVERY_MS)) }
  again()
  document.addEventListener('visibilitychange', look)
}
