import { execFileSync } from 'node:child_process'
import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { TasksClient } from '../../lib/client/index.ts'
import { tasksPlugin } from '../../lib/index.ts'
import { parsePolicy } from '../../lib/processor/policy/parse-policy.ts'
import { publishInfo } from '../../lib/processor/policy/publish-info.ts'
import { startServer, temporaryDirectory } from '../helpers.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const NOTHING = { types: [], anyType: false }

t.test('types and limits are the ones that the processor published', async (t) => {
  const dir = await temporaryDirectory(t)
  const { app, url } = await startServer(t, { dir })
  const types = async () => await (await fetch(`${url}/_meta/types`)).json()
  t.strictSame(await types(), NOTHING, 'before the processor has published any')
  t.notOk('limits' in await app.tasks.health())
  const config = { type: 'object', properties: { site: { type: 'string', title: 'Site' } } }
  const policy = await parsePolicy(JSON.stringify({
    types: { deploy: { title: 'Deploy', description: 'A site', argv: ['deploy', 'secret'], config, timeoutMs: 5, concurrency: 2 }, shell: { shell: true } }
  }), () => Promise.reject(new Error('not asked for')))
  await publishInfo(tasksDirectory(dir), policy, { concurrency: 4 })
  const expected = {
    types: [{ name: 'deploy', title: 'Deploy', description: 'A site', config, timeoutMs: 5, concurrency: 2 }, { name: 'shell', shell: true }],
    anyType: false
  }
  t.strictSame(await types(), expected)
  t.strictSame(await app.tasks.types(), expected)
  t.strictSame(await new TasksClient(url).types(), expected)
  t.match(await (await fetch(`${url}/_meta/health`)).json(), { limits: { concurrency: 4 } })
})

t.test('a published file with unusable content counts as absent, and unknown fields are dropped', async (t) => {
  const dir = await temporaryDirectory(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(tasksPlugin, { dir })
  const path = join(dir, '.processor.json')
  const outside = join(await temporaryDirectory(t), 'outside.json')
  await writeFile(outside, '{"types":[{"name":"outside"}],"anyType":true}')
  const put = (text: string) => () => writeFile(path, text)
  const table: Array<[make: () => Promise<unknown>, types?: object]> = [
    [() => symlink(outside, path)], [async () => execFileSync('mkfifo', [path])], [put('')], [put('null')], [put('[]')], [put('{"types":')],
    [put('{"types":{},"anyType":"yes","limits":[]}')], [put(`{"types":[{"name":"x"}],"anyType":true}${' '.repeat(256 * 1024)}`)],
    [put(`{"types":[{"name":"deep","config":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}}}]}`)],
    [put('{"types":[5,null,{},{"name":""},{"name":5},{"name":"x","shell":false},{"name":"y","config":[]},{"name":"z","timeoutMs":"5"}]}')],
    [put('{"types":[{"name":"a","argv":["rm"],"env":{"A":"b"},"__proto__":{"title":"x"}},{"name":"b","config":{"type":"object"}}],"anyType":true,"more":1}'),
      { types: [{ name: 'a' }, { name: 'b', config: { type: 'object' } }], anyType: true }]
  ]
  for (const [make, types = NOTHING] of table) {
    await make()
    const answer = await app.inject('/api/tasks/_meta/types')
    t.strictSame([answer.statusCode, answer.json()], [200, types])
    t.equal((await app.inject('/api/tasks/_meta/health')).statusCode, 200)
    await rm(path)
  }
})
