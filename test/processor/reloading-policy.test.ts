import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, lstat, mkdir, readFile, rename, rm, rmdir, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { anyCommand, type Policy } from '../../lib/processor/policy/policy.ts'
import { ReloadingPolicy } from '../../lib/processor/policy/reloading-policy.ts'
import { publishTypes } from '../../lib/processor/policy/publish.ts'
import type { Task } from '../../lib/shared/task-schema.ts'
import { makeDirectory, Said, startProcessor, until } from './fixtures.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const isRoot = process.getuid?.() === 0

function policyText (...types: string[]): string {
  return JSON.stringify({ types: Object.fromEntries(types.map((name) => [name, { argv: ['echo', name] }])) })
}

function namesOf (policy: Pick<Policy, 'types'>): string[] {
  return policy.types.map(({ name }) => name)
}

/** A policy that is watched until the test's end; `changed` resolves with the next change. */
async function watched (t: Test, path: string, tasksDir: string, pollIntervalMs?: number): Promise<{ policy: ReloadingPolicy, said: Said, changed: () => Promise<void> }> {
  const said = new Said()
  const policy = await ReloadingPolicy.load(path, { tasksDir, logger: said, ...(pollIntervalMs !== undefined && { pollIntervalMs }) })
  let tell = () => {}
  t.teardown(policy.watch(() => tell()))
  return { policy, said, changed: () => new Promise((resolve) => { tell = resolve }) }
}

t.test('a policy that others could write is refused', async (t) => {
  const dir = makeDirectory(t, { tasks: { 'inside.json': policyText('a') }, open: { 'policy.json': policyText('a') }, 'policy.json': policyText('a') })
  const [tasksDir, path, logger] = [join(dir, 'tasks'), join(dir, 'policy.json'), new Said()]
  const load = (path: string) => ReloadingPolicy.load(path, { tasksDir, logger })
  await chmod(path, 0o644)
  t.strictSame(namesOf(await load(path)), ['a'])

  const inside = join(tasksDir, 'inside.json')
  await symlink(inside, join(dir, 'into.json'))
  await symlink(path, join(tasksDir, 'out.json'))
  await symlink(tasksDir, join(dir, 'alias'))
  for (const path of [inside, join(dir, 'into.json'), join(tasksDir, 'out.json'), join(dir, 'alias', 'out.json'), join(tasksDir, '..', 'tasks', 'inside.json')]) {
    await t.rejects(load(path), { code: 'PROCESSOR_START', message: /lies in the tasks directory/ }, path)
  }
  t.strictSame(namesOf(await ReloadingPolicy.load(path, { tasksDir: join(dir, 'not-yet'), logger })), ['a'])
  await t.rejects(ReloadingPolicy.load(path, { tasksDir: dir, logger }), /lies in the tasks directory/)
  t.strictSame(namesOf(await ReloadingPolicy.load(path, { tasksDir: join(dir, 'policy'), logger })), ['a'], 'a name that only begins like it')

  await chmod(path, 0o646)
  await t.rejects(load(path), /everybody can write it; chmod o-w/)
  await chmod(path, 0o664)
  await t.rejects(load(path), /the group of the tasks directory can write it; chmod g-w/)
  await chmod(path, 0o644)
  await chmod(join(dir, 'open'), 0o777)
  await t.rejects(load(join(dir, 'open', 'policy.json')), /everybody can write to .*open, and so replace it/)
  await chmod(join(dir, 'open'), 0o1777)
  t.strictSame(namesOf(await load(join(dir, 'open', 'policy.json'))), ['a'], 'sticky')
  await t.test('by its owner', { skip: !isRoot && 'needs root' }, async (t) => {
    await chown(path, 12345, 0)
    await t.rejects(load(path), /belongs to another user/)
    await chown(path, 0, 12345)
    await chmod(path, 0o664)
    t.strictSame(namesOf(await load(path)), ['a'], 'a group of its own')
  })
})

t.test('files that are no policy', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'text.json': 'text', 'wrong.json': '{"types":{"x":{}}}', folder: {}, 'cwd.json': '{"types":{"x":{"argv":["true"],"cwd":"/none/such"}}}' })
  const logger = new Said()
  const load = (name: string) => ReloadingPolicy.load(join(dir, name), { tasksDir: join(dir, 'tasks'), logger })
  execFileSync('mkfifo', [join(dir, 'fifo')])
  await writeFile(join(dir, 'huge'), ' '.repeat(1024 * 1024 + 1))
  const table: Array<[name: string, message: RegExp]> = [
    ['none', /The policy .*none can't be used: ENOENT/], ['text.json', /the policy: Unexpected token/], ['wrong.json', /types\/x: needs exactly one/],
    ['folder', /not a regular file/], ['fifo', /not a regular file/], ['huge', /larger than/]
  ]
  for (const [name, message] of table) await t.rejects(load(name), { code: 'PROCESSOR_START', message }, name)
  t.strictSame(logger.lines, [])
  await load('cwd.json')
  t.match(logger.lines, [/^warning: .* names \/none\/such as a working directory; there is none/])
})

t.test('users of the system', { skip: !isRoot && 'needs root' }, async (t) => {
  const user = (name: string) => JSON.stringify({ types: { x: { argv: ['true'], user: name } } })
  const dir = makeDirectory(t, { 'known.json': user('nobody'), 'unknown.json': user('no-such-user-here') })
  const options = { tasksDir: join(dir, 'tasks'), logger: new Said() }
  const policy = await ReloadingPolicy.load(join(dir, 'known.json'), options)
  const [, , uid, gid, , home] = execFileSync('getent', ['passwd', 'nobody'], { encoding: 'utf8' }).split(':')
  t.match(policy.plan({ id: 'task_1_a', type: 'x' } as Task), {
    user: { name: 'nobody', uid: Number(uid), gid: Number(gid), home }, env: { HOME: home, USER: 'nobody', LOGNAME: 'nobody' }
  })
  await t.rejects(ReloadingPolicy.load(join(dir, 'unknown.json'), options), /types\/x\/user: there is no user no-such-user-here/)
})

t.test('a change counts at once; a wrong one changes nothing and is said once', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'policy.json': policyText('first') })
  const path = join(dir, 'policy.json')
  // not found by looking
  const { policy, said, changed } = await watched(t, path, join(dir, 'tasks'), 3_600_000)
  let change = changed()
  await writeFile(path, policyText('first', 'written'))
  await change
  t.strictSame(namesOf(policy), ['first', 'written'])
  t.match(policy.plan({ id: 'task_1_a', type: 'written' } as Task), { argv: ['echo', 'written'] })

  change = changed()
  await writeFile(join(dir, '.policy.swp'), policyText('renamed'))
  await rename(join(dir, '.policy.swp'), path)
  await change
  t.strictSame(namesOf(policy), ['renamed'])

  await writeFile(path, '{"types":{"x":{}}}')
  await said.until('the last good one stands: types/x: needs exactly one')
  t.strictSame(namesOf(policy), ['renamed'])
  change = changed()
  await writeFile(path, policyText('right'))
  await change
  t.strictSame(namesOf(policy), ['right'])
  await said.until('was read again and can be used')

  await chmod(path, 0o666)
  await said.until('everybody can write it')
  await unlink(path)
  await said.until('ENOENT')
  t.strictSame(namesOf(policy), ['right'])
})

t.test('where nothing tells of changes, they are found by looking; links that are swapped, too', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, mount: { '..1': { 'policy.json': policyText('one') } } })
  const mount = join(dir, 'mount')
  // as Kubernetes mounts a ConfigMap
  await symlink('..1', join(mount, '..data'))
  await symlink('..data/policy.json', join(mount, 'policy.json'))
  await symlink(join(mount, 'policy.json'), join(dir, 'elsewhere.json'))
  const tasks = join(dir, 'tasks')
  const [near, far] = [await watched(t, join(mount, 'policy.json'), tasks, 3_600_000), await watched(t, join(dir, 'elsewhere.json'), tasks, 20)]
  const both = Promise.all([near.changed(), far.changed()])
  await mkdir(join(mount, '..2'))
  await writeFile(join(mount, '..2', 'policy.json'), policyText('two'))
  await symlink('..2', join(mount, '..data_tmp'))
  await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  await both
  t.strictSame([near, far].map(({ policy }) => namesOf(policy)), [['two'], ['two']])

  await writeFile(join(mount, '..2', 'policy.json'), 'wrong')
  await far.said.until('Unexpected token')
  // that nothing more is said can't be awaited: time for several looks
  await sleep(200)
  const again = far.changed()
  await writeFile(join(mount, '..2', 'policy.json'), policyText('three'))
  await again
  t.equal(far.said.lines.filter((line) => line.includes('Unexpected token')).length, 1)

  // a mount that comes back as it was
  const { length } = far.said.lines
  await rename(mount, join(dir, 'away'))
  await far.said.until('ENOENT')
  await rename(join(dir, 'away'), mount)
  while (far.said.lines.slice(length).every((line) => !line.includes('can be used'))) await once(far.said, 'line')
})

t.test('the processor publishes its types, and again when they change', async (t) => {
  const dir = makeDirectory(t, { tasks: {}, 'policy.json': policyText('first') })
  const tasks = join(dir, 'tasks')
  const policy = await ReloadingPolicy.load(join(dir, 'policy.json'), { tasksDir: tasks, logger: new Said() })
  const published = (name: string) => until(tasks, async () => {
    const { types } = JSON.parse(await readFile(join(tasks, '.processor.json'), 'utf8').catch(() => '{"types":[]}'))
    return types.some((type: { name: string }) => type.name === name) ? types : undefined
  })
  await startProcessor(t, tasks, { policy })
  t.strictSame(await published('first'), [{ name: 'first' }])
  await writeFile(join(dir, 'policy.json'), policyText('second'))
  t.strictSame(await published('second'), [{ name: 'second' }])
})

t.test('what others put in the place of what is published is replaced, never followed', async (t) => {
  const dir = makeDirectory(t, { outside: 'untouched', tasks: {} })
  const tasks = join(dir, 'tasks')
  const path = join(tasks, '.processor.json')
  const made: Array<[string, () => Promise<unknown>]> = [
    ['symlink', () => symlink(join(dir, 'outside'), path)],
    ['FIFO', async () => execFileSync('mkfifo', [path])],
    ['huge', () => writeFile(path, ' '.repeat(1024 * 1024))],
    ['forged', () => writeFile(path, '{"version":1,"types":[{"name":"forged","shell":true}],"anyType":true}')]
  ]
  for (const [name, make] of made) {
    await make()
    t.equal(await publishTypes(tasksDirectory(tasks), anyCommand, { one: 1 }), undefined, name)
    t.match(JSON.parse(await readFile(path, 'utf8')), { version: 1, types: [{ name: 'custom', shell: true }], anyType: true, limits: { one: 1 } })
    t.ok((await lstat(path)).isFile())
    await rm(path)
  }
  t.equal(await readFile(join(dir, 'outside'), 'utf8'), 'untouched')

  await publishTypes(tasksDirectory(tasks), anyCommand, {})
  const before = await lstat(path)
  await publishTypes(tasksDirectory(tasks), anyCommand, {})
  t.equal((await lstat(path)).ino, before.ino, 'the same is not written again')

  await rm(path)
  await mkdir(path)
  const { said } = await startProcessor(t, tasks, { pollIntervalMs: 50 })
  await said.until("warning: The policy can't be published: ")
  await rmdir(path)
  await until(tasks, async () => (await readFile(path, 'utf8').catch(() => '')) === '' ? undefined : true)
  t.match(JSON.parse(await readFile(path, 'utf8')), { version: 1, anyType: true }, 'it is tried again')
})
