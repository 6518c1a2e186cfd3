import type { RouteContext, Scope } from '../context.ts'
import { logEventRoutes } from './log-events.ts'
import { readLogRoutes } from './read-log.ts'
import { searchLogRoute } from './search-log.ts'

/** The routes of one log: /:id/log, /:id/log/events and /:id/log/search. */
export function logRoutes (scope: Scope, context: RouteContext): void {
  readLogRoutes(scope, context)
  logEventRoutes(scope, context)
  searchLogRoute(scope, context)
}
