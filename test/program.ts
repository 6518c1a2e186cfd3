import { fileURLToPath } from 'node:url'

/** Path of the built `fastify-tasks`, which starts many times faster than its sources. */
export const PROGRAM = fileURLToPath(new URL('../dist/cli/index.js', import.meta.url))
