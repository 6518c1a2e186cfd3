import { TasksError, type TaskTypes } from '../../../client/index.ts'
import { client, health, types } from '../state.ts'
import { compactJson } from '../ui/json.ts'

const POLL_INTERVAL_MS = 5_000
const NO_TYPES: TaskTypes = { types: [], anyType: false }

/** Polls the API's health and task types while the page is visible. */
export function pollHealth (): void {
  const poll = async () => { await refresh().finally(() => setTimeout(poll, POLL_INTERVAL_MS)) }
  poll()
  document.addEventListener('visibilitychange', refresh)
}

async function refresh (): Promise<void> {
  if (document.hidden) return
  await Promise.all([
    client.value.health().then((current) => { health.value = current }, (error: unknown) => {
      // a user without access to the health route still sees the tasks; the feed reports lost connections
      if (error instanceof TasksError) health.value = undefined
    }),
    client.value.types().then(setTypes, (error: unknown) => { if (error instanceof TasksError) setTypes(NO_TYPES) })
  ])
}

/** Types that are nested too deeply for the browser are left out. Keeps the object if nothing has changed, so that a form that is being filled in is not reset. */
function setTypes (current: TaskTypes): void {
  const text = compactJson(current)
  if (text === undefined) types.value = NO_TYPES
  else if (text !== compactJson(types.value)) types.value = current
}
