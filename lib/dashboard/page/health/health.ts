import { TasksError } from '../../../client/index.ts'
import { client, health, types } from '../store.ts'

const EVERY_MS = 5_000
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
