import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DirectoryIdentity } from '../../lib/protocol/directory-identity.ts'

/** A directory whose mtime is old enough to rule out a later change with the same mtime. */
async function settledDirectory (t: Test): Promise<{ dir: string, identity: DirectoryIdentity }> {
  const dir = join(t.testdir({ tasks: {} }), 'tasks')
  utimesSync(dir, 1, 1)
  const identity = new DirectoryIdentity(dir)
  await identity.remember()
  return { dir, identity }
}

async function scan (identity: DirectoryIdentity): Promise<void> {
  const finish = await identity.startScan()
  finish()
}

t.test('a directory counts as changed until its first scan', async (t) => {
  const { identity } = await settledDirectory(t)
  t.strictSame(await identity.compare(), { replaced: false, changed: true })
  await scan(identity)
  t.strictSame(await identity.compare(), { replaced: false, changed: false })
})

t.test('a new name changes the directory', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  await scan(identity)
  writeFileSync(join(dir, 'file'), '')
  t.strictSame(await identity.compare(), { replaced: false, changed: true })
})

t.test('a name that is added during a scan changes the directory', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  const finish = await identity.startScan()
  writeFileSync(join(dir, 'file'), '')
  finish()
  t.ok((await identity.compare()).changed)
})

t.test('a directory with a recent mtime counts as changed after a scan', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  writeFileSync(join(dir, 'file'), '')
  await scan(identity)
  t.ok((await identity.compare()).changed)
})

t.test('invalidateScan() makes the directory count as changed', async (t) => {
  const { identity } = await settledDirectory(t)
  await scan(identity)
  identity.invalidateScan()
  t.ok((await identity.compare()).changed)
})

t.test('another directory at the same path counts as replaced until it is remembered', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  renameSync(dir, `${dir}-old`)
  mkdirSync(dir)
  t.ok((await identity.compare()).replaced)
  t.equal(await identity.isIntact(), false)
  await identity.remember()
  t.notOk((await identity.compare()).replaced)
  t.equal(await identity.isIntact(), true)
})

t.test('compare() reports a missing directory as ENOENT', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  rmSync(dir, { recursive: true })
  t.strictSame(await identity.compare(), { problem: 'ENOENT', replaced: false, changed: false })
  t.equal(await identity.isIntact(), false)
})

t.test('compare() reports a file at the path as a problem', async (t) => {
  const { dir, identity } = await settledDirectory(t)
  rmSync(dir, { recursive: true })
  writeFileSync(dir, '', { mode: 0o777 })
  t.match(await identity.compare(), { problem: /ENOTDIR|EACCES/ })
})

t.test('remember() and startScan() reject if the directory is missing', async (t) => {
  const identity = new DirectoryIdentity(join(t.testdir(), 'none'))
  await t.rejects(identity.remember(), { code: 'ENOENT' })
  await t.rejects(identity.startScan(), { code: 'ENOENT' })
})
