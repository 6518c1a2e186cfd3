import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { tasksPlugin } from 'fastify-tasks'
import { answerBroadcasts } from './broadcast.ts'
import { MemoryStore } from './memory-store.ts'

/** The feed of the built package, on a store in memory. */
const memory = new MemoryStore()
const app = Fastify()
await app.register(tasksPlugin, { store: memory.store, prefix: '/' })
await app.listen({ port: 0, host: '127.0.0.1' })
answerBroadcasts((app.server.address() as AddressInfo).port, (piece) => memory.emit(piece))
