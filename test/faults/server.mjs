// A host with the built plugin, which tests kill: node server.mjs DIR. It prints its port.
import Fastify from 'fastify'
import { tasksPlugin } from 'fastify-tasks'
import { tasksDashboard } from 'fastify-tasks/dashboard'

const app = Fastify()
// small, so that slow clients reach it
await app.register(tasksPlugin, { dir: process.argv[2], clientBufferBytes: 256 * 1024 })
await app.register(tasksDashboard)
await app.listen({ port: 0, host: '127.0.0.1' })
console.log(app.server.address().port)
process.stdin.on('close', () => process.exit()).resume()
