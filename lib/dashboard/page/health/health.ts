import { TasksError, type TaskTypes } from '../../../client/index.ts'
import { client, health, types } from '../state.ts'

const EVERY_MS = 5_000
const NO_TYPES: TaskTypes = { types: [], anyType: false }

/** The same ones are the same object: a form is not to begin anew. */
function tell (told: TaskTypes): void {
  if (JSON.stringify(told) !== JSON.stringify(types.value)) types.value = told
}

/** Asks how things are, as long as the page is looked at. */
export function watchHealth (): void {
  const look = async () => {
    if (document.hidden) return
    await Promise.all([
      client.health().then((asked) => { health.value = asked }, (error: unknown) => {
        // the feed tells of a lost connection; who may not ask for this still sees the tasks
        if (error instanceof TasksError) health.value = undefined
      }),
      client.types().then(tell, (error: unknown) => { if (error instanceof TasksError) tell(NO_TYPES) })
    ])
  }
  const again = () => { look().finally(() => setTimeout(again, EVERY_MS)) }
  again()
  document.addEventListener('visibilitychange', look)
}
