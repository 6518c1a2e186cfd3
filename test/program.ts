import { fileURLToPath } from 'node:url'

/** The built `fastify-tasks`, as its users start it: it is there many times sooner than its sources. */
export const PROGRAM = fileURLToPath(new URL('../dist/cli/index.js', import.meta.url))
