import type { FastifyInstance, onRequestHookHandler } from 'fastify'

/** As the hook; but where it throws a value such as `undefined`, which Fastify takes for success, the request fails. */
export function guardedHook (hook: onRequestHookHandler): onRequestHookHandler {
  return function (this: FastifyInstance, request, reply, done) {
    try {
      return hook.call(this, request, reply, done)
    } catch (error) {
      throw error instanceof Error ? error : new Error('An onRequest hook threw a value that is not an error.', { cause: error })
    }
  }
}
