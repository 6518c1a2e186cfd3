import { execFileSync } from 'node:child_process'
import { lstat, mkdir, readFile, rmdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { anyCommand } from '../../../lib/processor/policy/any-command.ts'
import { formatInfo, publishInfo } from '../../../lib/processor/policy/publish-info.ts'
import { tasksDirectory } from '../../../lib/protocol/tasks-directory.ts'
import { makeDirectory, startProcessor, until } from '../fixtures.ts'
import { policyOf } from './fixtures.ts'

const TYPE = { argv: ['true'] }

t.test('the info of anyCommand allows any type', async (t) => {
  t.match(JSON.parse(formatInfo(anyCommand, {}).text), { anyType: true, types: [{ name: 'custom', shell: true }] })
})

t.test('the info contains the types in their order and the limits, but not how a type is run', async (t) => {
  const config = { type: 'object', properties: { site: { type: 'string' } } }
  const policy = await policyOf({
    b: { title: 'Deploy', description: 'A site', argv: ['deploy', 'secret'], config, cwd: '/secret', env: { SECRET: 'secret' }, user: 'secret', timeoutMs: 5, concurrency: 1 },
    a: { shell: true }
  })
  const { text, omitted } = formatInfo(policy, { concurrency: 3 })
  t.strictSame(JSON.parse(text), {
    version: 1,
    types: [{ name: 'b', title: 'Deploy', description: 'A site', config, timeoutMs: 5, concurrency: 1 }, { name: 'a', shell: true }],
    limits: { concurrency: 3 }
  })
  t.equal(omitted, undefined)
  t.notMatch(text, 'secret')
})

t.test('info that is too large omits the schemas', async (t) => {
  const policy = await policyOf({ x: { ...TYPE, config: { type: 'object', description: 'é'.repeat(150_000) } } })
  t.match(formatInfo(policy, {}), { omitted: 'the schemas of its types', text: /"name": "x"/ })
})

t.test('info that is too large without the schemas omits the types', async (t) => {
  const policy = await policyOf(Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x${index}`, { ...TYPE, description: 'é'.repeat(2000) }])))
  t.match(formatInfo(policy, {}), { omitted: 'its types', text: /"types": \[\]/ })
})

/** A tasks directory beside a file, and the path of the info in it. */
function makeDirectories (t: Test): { outside: string, tasks: string, path: string } {
  const dir = makeDirectory(t, { outside: 'untouched', tasks: {} })
  return { outside: join(dir, 'outside'), tasks: join(dir, 'tasks'), path: join(dir, 'tasks', '.processor.json') }
}

const OBSTACLES: Array<[name: string, make: (path: string, outside: string) => unknown]> = [
  ['a link', (path, outside) => symlink(outside, path)],
  ['a FIFO', (path) => execFileSync('mkfifo', [path])],
  ['a huge file', (path) => writeFile(path, ' '.repeat(1024 * 1024))],
  ['a forged file', (path) => writeFile(path, '{"version":1,"types":[{"name":"forged","shell":true}],"anyType":true}')]
]
for (const [name, make] of OBSTACLES) {
  t.test(`${name} in the place of the info is replaced and never followed`, async (t) => {
    const { outside, tasks, path } = makeDirectories(t)
    await make(path, outside)
    t.equal(await publishInfo(tasksDirectory(tasks), anyCommand, { one: 1 }), undefined)
    t.match(JSON.parse(await readFile(path, 'utf8')), { version: 1, types: [{ name: 'custom', shell: true }], anyType: true, limits: { one: 1 } })
    t.ok((await lstat(path)).isFile())
    t.equal(await readFile(outside, 'utf8'), 'untouched')
  })
}

t.test('equal info is not written again', async (t) => {
  const { tasks, path } = makeDirectories(t)
  await publishInfo(tasksDirectory(tasks), anyCommand, {})
  const before = await lstat(path)
  await publishInfo(tasksDirectory(tasks), anyCommand, {})
  t.equal((await lstat(path)).ino, before.ino)
})

t.test('the processor retries until it can publish', async (t) => {
  const { tasks, path } = makeDirectories(t)
  await mkdir(path)
  const { said } = await startProcessor(t, tasks, { pollIntervalMs: 50 })
  await said.until('warning: The policy cannot be published: ')
  await rmdir(path)
  await until(tasks, async () => (await readFile(path, 'utf8').catch(() => '')) === '' ? undefined : true)
  t.match(JSON.parse(await readFile(path, 'utf8')), { version: 1, anyType: true })
})
