import { signal } from '@preact/signals'
import type { Filter } from './list/filter.ts'
import { listHash, parseRoute, type Route } from './route.ts'

export const route = signal<Route>(parseRoute(location.hash))

/** The list as it was left, to come back to. */
let lastList = listHash()

addEventListener('hashchange', () => { route.value = parseRoute(location.hash) })

export function go (hash: string): void {
  location.hash = hash
}

export function goToList (): void {
  go(lastList)
}

export function filterOf (route: Route): Filter {
  return route.name === 'list' ? route.filter : parseListFilter()
}

function parseListFilter (): Filter {
  const last = parseRoute(lastList)
  return last.name === 'list' ? last.filter : {}
}

/** Changes what the list shows, without a step in the browser's history. */
export function setFilter (filter: Filter): void {
  lastList = listHash(filter)
  history.replaceState(null, '', lastList)
  route.value = parseRoute(lastList)
}
