import { computed, signal } from '@preact/signals'
import type { TaskFilter } from '../list/filter.ts'
import { listHash, parseRoute, type Route } from './route.ts'

const ALL: TaskFilter = {}

export const route = signal<Route>({ name: 'list', filter: ALL })

/** The filter of the list, also while another page is shown, so that the way back leads to the same list. */
export const listFilter = signal<TaskFilter>(ALL)

const lastListHash = computed(() => listHash(listFilter.value))

/** Shows the page at the browser's address, now and whenever the address changes. */
export function followAddress (): void {
  show(parseRoute(location.hash))
  addEventListener('hashchange', () => show(parseRoute(location.hash)))
}

export function go (hash: string): void {
  location.hash = hash
}

export function goToList (): void {
  go(lastListHash.value)
}

/** Changes the list's filter without adding an entry to the browser's history. */
export function setFilter (filter: TaskFilter): void {
  show({ name: 'list', filter })
  try {
    history.replaceState(null, '', lastListHash.value)
  } catch { /* some browsers limit how often the address may change */ }
}

function show (next: Route): void {
  if (next.name === 'list') listFilter.value = next.filter
  route.value = next
}
