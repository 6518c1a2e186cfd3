import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Policy } from '../../../lib/processor/policy/policy.ts'
import { ReloadingPolicy } from '../../../lib/processor/policy/reloading-policy.ts'
import type { Task } from '../../../lib/shared/task-schema.ts'
import { makeDirectory, Said, startProcessor, until } from '../fixtures.ts'

const isRoot = process.getuid?.() === 0
/** A polling interval that no test lives to see: changes are found by file events only. */
const NEVER = 3_600_000

function policyText (...types: string[]): string {
  return JSON.stringify({ types: Object.fromEntries(types.map((name) => [name, { argv: ['echo', name] }])) })
}

function namesOf (policy: Pick<Policy, 'types'>): string[] {
  return policy.types.map(({ name }) => name)
}

/** Makes a tasks directory and a policy file beside it, with further files. */
function makeFiles (t: Test, text = policyText('first'), others: Record<string, unknown> = {}): { dir: string, tasksDir: string, path: string, load: (path: string) => Promise<ReloadingPolicy> } {
  const dir = makeDirectory(t, { tasks: {}, 'policy.json': text, ...others })
  const [tasksDir, path] = [join(dir, 'tasks'), join(dir, 'policy.json')]
  // whatever the umask is: the group of the tasks directory must not be able to write the policy
  chmodSync(path, 0o644)
  return { dir, tasksDir, path, load: (path) => ReloadingPolicy.load(path, { tasksDir, logger: new Said() }) }
}

interface WatchedPolicy {
  readonly policy: ReloadingPolicy
  readonly said: Said
  /** Resolves with the next change. */
  changed (): Promise<void>
}

/** A policy that is watched until the end of the test. */
async function watchPolicy (t: Test, path: string, tasksDir: string, pollIntervalMs: number): Promise<WatchedPolicy> {
  const said = new Said()
  const policy = await ReloadingPolicy.load(path, { tasksDir, logger: said, pollIntervalMs })
  let onChange = () => {}
  t.teardown(policy.watch(() => onChange()))
  return { policy, said, changed: () => new Promise((resolve) => { onChange = resolve }) }
}

t.test('a policy inside the tasks directory is rejected', async (t) => {
  const { dir, tasksDir, path, load } = makeFiles(t)
  const inside = join(tasksDir, 'inside.json')
  await writeFile(inside, policyText('a'))
  await symlink(inside, join(dir, 'into.json'))
  await symlink(path, join(tasksDir, 'out.json'))
  await symlink(tasksDir, join(dir, 'alias'))
  for (const path of [inside, join(dir, 'into.json'), join(tasksDir, 'out.json'), join(dir, 'alias', 'out.json'), join(tasksDir, '..', 'tasks', 'inside.json')]) {
    await t.rejects(load(path), { code: 'PROCESSOR_START', message: /is inside the tasks directory/ }, path)
  }
  await t.rejects(ReloadingPolicy.load(path, { tasksDir: dir, logger: new Said() }), /is inside the tasks directory/)
})

t.test('a policy outside the tasks directory is accepted', async (t) => {
  const { dir, path } = makeFiles(t)
  for (const name of ['tasks', 'missing', 'policy']) {
    t.strictSame(namesOf(await ReloadingPolicy.load(path, { tasksDir: join(dir, name), logger: new Said() })), ['first'], name)
  }
})

t.test('a policy that others can write is rejected', async (t) => {
  const { path, load } = makeFiles(t)
  await chmod(path, 0o646)
  await t.rejects(load(path), /is world-writable; chmod o-w/)
  await chmod(path, 0o664)
  await t.rejects(load(path), /the group of the tasks directory can write it; chmod g-w/)
  await chmod(path, 0o644)
  t.strictSame(namesOf(await load(path)), ['first'])
})

t.test('a policy in a world-writable directory is rejected unless the directory is sticky', async (t) => {
  const { dir, load } = makeFiles(t, undefined, { open: { 'policy.json': policyText('a') } })
  const path = join(dir, 'open', 'policy.json')
  await chmod(path, 0o644)
  await chmod(join(dir, 'open'), 0o777)
  await t.rejects(load(path), /its directory .*open is world-writable/)
  await chmod(join(dir, 'open'), 0o1777)
  t.strictSame(namesOf(await load(path)), ['a'])
})

t.test('a policy of another user is rejected', { skip: !isRoot && 'needs root' }, async (t) => {
  const { path, load } = makeFiles(t)
  await chown(path, 12345, 0)
  await t.rejects(load(path), /belongs to another user/)
})

t.test('a policy that a group other than that of the tasks directory can write is accepted', { skip: !isRoot && 'needs root' }, async (t) => {
  const { path, load } = makeFiles(t)
  await chown(path, 0, 12345)
  await chmod(path, 0o664)
  t.strictSame(namesOf(await load(path)), ['first'])
})

t.test('files that are not a policy are rejected', async (t) => {
  const { dir, load } = makeFiles(t, undefined, { 'text.json': 'text', 'wrong.json': '{"types":{"x":{}}}', folder: {} })
  execFileSync('mkfifo', [join(dir, 'fifo')])
  await writeFile(join(dir, 'huge'), ' '.repeat(1024 * 1024 + 1))
  const table: Array<[name: string, message: RegExp]> = [
    ['none', /The policy .*none cannot be used: ENOENT/], ['text.json', /cannot be used: invalid JSON: Unexpected token/], ['wrong.json', /types\/x: needs exactly one/],
    ['folder', /not a regular file/], ['fifo', /not a regular file/], ['huge', /larger than/]
  ]
  for (const [name, message] of table) await t.rejects(load(join(dir, name)), { code: 'PROCESSOR_START', message }, name)
})

t.test('a working directory that does not exist is logged', async (t) => {
  const { tasksDir, path } = makeFiles(t, '{"types":{"x":{"argv":["true"],"cwd":"/none/such"},"y":{"argv":["true"],"cwd":"/"}}}')
  const logger = new Said()
  await ReloadingPolicy.load(path, { tasksDir, logger })
  t.match(logger.lines, [/^warning: .* uses the working directory \/none\/such, which does not exist$/])
  t.equal(logger.lines.length, 1)
})

t.test('the user of a type is read from the user database', { skip: !isRoot && 'needs root' }, async (t) => {
  const { path, load } = makeFiles(t, '{"types":{"x":{"argv":["true"],"user":"daemon"}}}')
  const [, , uid, gid, , home] = execFileSync('getent', ['passwd', 'daemon'], { encoding: 'utf8' }).split(':')
  t.match((await load(path)).plan({ id: 'task_1_a', type: 'x' } as Task), {
    user: { name: 'daemon', uid: Number(uid), gid: Number(gid), home }, env: { HOME: home, USER: 'daemon', LOGNAME: 'daemon' }
  })
})

t.test('an unknown user is rejected', { skip: !isRoot && 'needs root' }, async (t) => {
  const { path, load } = makeFiles(t, '{"types":{"x":{"argv":["true"],"user":"no-such-user-here"}}}')
  await t.rejects(load(path), /types\/x\/user: unknown user no-such-user-here/)
})

t.test('a policy that is rewritten or replaced is reloaded after a file event', async (t) => {
  const { dir, tasksDir, path } = makeFiles(t)
  const { policy, changed } = await watchPolicy(t, path, tasksDir, NEVER)
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
})

t.test('an invalid policy is logged and the previous one stays in effect until it is valid again', async (t) => {
  const { tasksDir, path } = makeFiles(t)
  const { policy, said, changed } = await watchPolicy(t, path, tasksDir, NEVER)
  await writeFile(path, '{"types":{"x":{}}}')
  await said.until('is invalid; keeping the previous one: types/x: needs exactly one')
  t.strictSame(namesOf(policy), ['first'])
  const change = changed()
  await writeFile(path, policyText('right'))
  await change
  t.strictSame(namesOf(policy), ['right'])
  await said.until('is valid again and was reloaded')
})

t.test('a policy that becomes writable or is deleted stays in effect', async (t) => {
  const { tasksDir, path } = makeFiles(t)
  const { policy, said } = await watchPolicy(t, path, tasksDir, NEVER)
  await chmod(path, 0o666)
  await said.until('world-writable')
  await unlink(path)
  await said.until('ENOENT')
  t.strictSame(namesOf(policy), ['first'])
})

/** A mounted Kubernetes ConfigMap: the policy is a link to a file in `..data`, which is a link to a versioned directory. */
async function makeMount (t: Test): Promise<{ dir: string, mount: string, tasksDir: string }> {
  const { dir, tasksDir } = makeFiles(t, undefined, { mount: { '..1': { 'policy.json': policyText('one') } } })
  const mount = join(dir, 'mount')
  await symlink('..1', join(mount, '..data'))
  await symlink('..data/policy.json', join(mount, 'policy.json'))
  await symlink(join(mount, 'policy.json'), join(dir, 'elsewhere.json'))
  return { dir, mount, tasksDir }
}

t.test('a swapped link is found by file events in the directory of the link, else by polling', async (t) => {
  const { dir, mount, tasksDir } = await makeMount(t)
  const both = [await watchPolicy(t, join(mount, 'policy.json'), tasksDir, NEVER), await watchPolicy(t, join(dir, 'elsewhere.json'), tasksDir, 20)]
  const changes = Promise.all(both.map(({ changed }) => changed()))
  await mkdir(join(mount, '..2'))
  await writeFile(join(mount, '..2', 'policy.json'), policyText('two'))
  await symlink('..2', join(mount, '..data_tmp'))
  await rename(join(mount, '..data_tmp'), join(mount, '..data'))
  await changes
  t.strictSame(both.map(({ policy }) => namesOf(policy)), [['two'], ['two']])
})

t.test('the same problem is logged once', async (t) => {
  const { tasksDir, path } = makeFiles(t)
  const { said, changed } = await watchPolicy(t, path, tasksDir, 20)
  await writeFile(path, 'wrong')
  await said.until('Unexpected token')
  // there is no event for a message that is not logged: this is the time of several polls
  await sleep(200)
  const change = changed()
  await writeFile(path, policyText('three'))
  await change
  t.equal(said.lines.filter((line) => line.includes('Unexpected token')).length, 1)
})

t.test('a file that was unreadable is reloaded even if it is unchanged', async (t) => {
  const { dir, mount, tasksDir } = await makeMount(t)
  const { said } = await watchPolicy(t, join(dir, 'elsewhere.json'), tasksDir, 20)
  await rename(mount, join(dir, 'away'))
  await said.until('ENOENT')
  await rename(join(dir, 'away'), mount)
  await said.until('is valid again')
})

t.test('the processor publishes the types of its policy again when they change', async (t) => {
  const { tasksDir, path, load } = makeFiles(t)
  const published = (name: string) => until(tasksDir, async () => {
    const { types } = JSON.parse(await readFile(join(tasksDir, '.processor.json'), 'utf8').catch(() => '{"types":[]}'))
    return types.some((type: { name: string }) => type.name === name) ? types : undefined
  })
  await startProcessor(t, tasksDir, { policy: await load(path) })
  t.strictSame(await published('first'), [{ name: 'first' }])
  await writeFile(path, policyText('second'))
  t.strictSame(await published('second'), [{ name: 'second' }])
})
