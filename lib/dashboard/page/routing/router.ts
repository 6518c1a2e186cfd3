import { signal } from '@preact/signals'
import type { Filter } from '../list/filter.ts'
import { listHash, parseRoute, type Route } from './route.ts'

/** The list as it was left, to come back to. */
let lastList = listHash()

export const route = signal<Route>(parseRoute(location.hash))

remember()
addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash)
  remember()
})

function remember (): void {
  if (route.value.name === 'list') lastList = listHash(route.value.filter)
}

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
  route.value = { name: 'list', filter }
  remember()
  try {
    history.replaceState(null, '', lastList)
  } catch { /* some browsers allow only so many in a while */ }
}
