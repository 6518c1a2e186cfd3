import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { FileSystem } from '../../lib/protocol/file-system.ts'
import { synchronousFileSystem } from '../../lib/protocol/synchronous-file-system.ts'
import { threadPoolFileSystem } from '../../lib/protocol/thread-pool-file-system.ts'

const implementations: Array<[name: string, fs: FileSystem]> = [
  ['threadPoolFileSystem', threadPoolFileSystem],
  ['synchronousFileSystem', synchronousFileSystem]
]

for (const [name, fs] of implementations) {
  t.test(`${name} writes a file with the given mode`, async (t) => {
    const path = join(t.testdir(), 'file')
    const handle = await fs.open(path, 'wx', 0o600)
    await handle.writeFile('text')
    await handle.sync()
    await handle.close()
    t.equal(readFileSync(path, 'utf8'), 'text')
    t.equal(statSync(path).mode & 0o777, 0o600)
  })

  t.test(`${name} reads a whole file`, async (t) => {
    const handle = await fs.open(join(t.testdir({ file: 'text' }), 'file'), 'r')
    t.teardown(() => handle.close())
    t.equal(await handle.readFile('utf8'), 'text')
  })

  t.test(`${name} reads a part of a file into a part of a buffer`, async (t) => {
    const handle = await fs.open(join(t.testdir({ file: '0123456789' }), 'file'), 'r')
    t.teardown(() => handle.close())
    const buffer = Buffer.from('abcdef')
    t.equal((await handle.read(buffer, 1, 3, 4)).bytesRead, 3)
    t.equal(buffer.toString(), 'a456ef')
    t.equal((await handle.read(buffer, 0, 6, 8)).bytesRead, 2)
  })

  t.test(`${name} changes mode and times of an open file`, async (t) => {
    const path = join(t.testdir({ file: '' }), 'file')
    const handle = await fs.open(path, 'r+')
    t.teardown(() => handle.close())
    await handle.chmod(0o604)
    await handle.utimes(new Date(1000), new Date(2000))
    const stats = await handle.stat({ bigint: true })
    t.equal(Number(stats.mode & 0o777n), 0o604)
    t.equal(stats.mtimeMs, 2000n)
    await handle.chown(Number(stats.uid), Number(stats.gid))
  })

  t.test(`${name} links, renames, examines and removes files`, async (t) => {
    const dir = t.testdir({ first: '' })
    const [first, second, third] = ['first', 'second', 'third'].map((name) => join(dir, name)) as [string, string, string]
    await fs.link(first, second)
    t.equal((await fs.stat(first, { bigint: true })).nlink, 2n)
    await fs.rename(second, third)
    t.notOk(existsSync(second))
    symlinkSync('nowhere', second)
    t.ok((await fs.lstat(second, { bigint: true })).isSymbolicLink())
    await fs.unlink(third)
    t.equal((await fs.stat(first, { bigint: true })).nlink, 1n)
  })

  t.test(`${name} rejects with system errors`, async (t) => {
    const dir = t.testdir({ existing: '' })
    const [existing, missing] = [join(dir, 'existing'), join(dir, 'missing')]
    await t.rejects(fs.open(missing, 'r'), { code: 'ENOENT' })
    await t.rejects(fs.open(existing, 'wx'), { code: 'EEXIST' })
    await t.rejects(fs.link(missing, join(dir, 'other')), { code: 'ENOENT' })
    await t.rejects(fs.rename(missing, existing), { code: 'ENOENT' })
    await t.rejects(fs.stat(missing, { bigint: true }), { code: 'ENOENT' })
    await t.rejects(fs.lstat(missing, { bigint: true }), { code: 'ENOENT' })
    await t.rejects(fs.unlink(missing), { code: 'ENOENT' })
  })
}
