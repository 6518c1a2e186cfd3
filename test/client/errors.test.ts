import t from 'tap'
import { ConnectionError, errorFromResponse, isNotFound, isTransient, TasksError } from '../../lib/client/errors.ts'

for (const statusCode of [408, 429, 500, 502, 503, 504]) {
  t.test(`status ${statusCode} is transient`, async (t) => {
    t.ok(isTransient(new TasksError('', { statusCode })))
  })
}

for (const statusCode of [400, 401, 403, 404, 409, 413, 416, 501, 507]) {
  t.test(`status ${statusCode} is permanent`, async (t) => {
    t.notOk(isTransient(new TasksError('', { statusCode })))
  })
}

t.test('a ConnectionError is transient, any other error is permanent', async (t) => {
  t.ok(isTransient(new ConnectionError()))
  t.notOk(isTransient(new TypeError()))
})

t.test('a 404 without a code is transient after a success, because it comes from a proxy', async (t) => {
  t.ok(isTransient(new TasksError('', { statusCode: 404 }), { hasSucceeded: true }))
})

t.test('a 404 of the tasks API is permanent', async (t) => {
  const error = new TasksError('', { statusCode: 404, code: 'FST_TASKS_NOT_FOUND' })
  t.notOk(isTransient(error, { hasSucceeded: true }))
  t.ok(isNotFound(error))
})

t.test('errorFromResponse returns the message and code of the server, and its Retry-After in ms', async (t) => {
  const response = new Response('{"statusCode":503,"code":"FST_TASKS_TOO_MANY_CLIENTS","message":"full"}', { status: 503, headers: { 'retry-after': '3' } })
  t.match(await errorFromResponse(response), { message: 'full', statusCode: 503, code: 'FST_TASKS_TOO_MANY_CLIENTS', retryAfterMs: 3000 })
})

t.test('errorFromResponse returns the message of a host that converts errors', async (t) => {
  t.match(await errorFromResponse(new Response('{"error":"full","code":"FST_TASKS_TOO_MANY_CLIENTS"}', { status: 503 })), { message: 'full', code: 'FST_TASKS_TOO_MANY_CLIENTS' })
})

t.test('errorFromResponse describes a response that is not JSON by its status', async (t) => {
  const error = await errorFromResponse(new Response('<h1>Bad gateway</h1>', { status: 502 }))
  t.match(error, { message: 'The server answered with status 502.', statusCode: 502, code: undefined, retryAfterMs: undefined })
})
