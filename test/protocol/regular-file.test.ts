import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { constants, existsSync, mkdirSync, statSync, symlinkSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ifExists, ifReadable, openRegular, readText, UnreadableFile } from '../../lib/protocol/regular-file.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { threadPoolFileSystem } from '../../lib/protocol/thread-pool-file-system.ts'
import { systemError } from './fixtures/system-calls.ts'

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT

async function listenOnSocket (t: Test, dir: string, name: string): Promise<void> {
  t.teardown(() => server.close())
  // the path of a socket has at most 107 bytes
  const cwd = process.cwd()
  process.chdir(dir)
  const server = createServer().listen(name)
  process.chdir(cwd)
  await once(server, 'listening')
}

const kinds: Array<[kind: string, create: (t: Test, dir: string) => unknown, message: RegExp]> = [
  ['FIFO', (_, dir) => execFileSync('mkfifo', [join(dir, 'file')]), /not a regular file/],
  ['symbolic link to a file', (_, dir) => symlinkSync('target', join(dir, 'file')), /symbolic link/],
  ['symbolic link to nothing', (_, dir) => symlinkSync('nowhere', join(dir, 'file')), /symbolic link/],
  ['directory', (_, dir) => mkdirSync(join(dir, 'file')), /not a regular file/],
  ['socket', (t, dir) => listenOnSocket(t, dir, 'file'), /not a regular file/]
]

for (const [kind, create, message] of kinds) {
  t.test(`openRegular() rejects a ${kind}`, { timeout: 10_000 }, async (t) => {
    const dir = t.testdir({ target: '' })
    await create(t, dir)
    await t.rejects(openRegular(threadPoolFileSystem, join(dir, 'file')), { code: 'UNREADABLE', message })
    await t.rejects(openRegular(threadPoolFileSystem, join(dir, 'file'), APPEND), { code: 'UNREADABLE', message }, 'when opening it for writing')
    t.notOk(existsSync(join(dir, 'nowhere')), 'openRegular() follows no symbolic link')
  })
}

t.test('more FIFOs than the thread pool has threads do not block openRegular()', { timeout: 10_000 }, async (t) => {
  const dir = t.testdir()
  const paths = Array.from({ length: 8 }, (_, index) => join(dir, `${index}`))
  execFileSync('mkfifo', paths)
  const results = await Promise.allSettled(paths.map((path) => openRegular(threadPoolFileSystem, path)))
  t.strictSame(results.map(({ status }) => status), paths.map(() => 'rejected'))
})

t.test('readText() reads a file of the maximum size', async (t) => {
  const dir = t.testdir({ file: 'ä23' })
  const { text, stats } = await readText(tasksDirectory(dir), 'file', 4)
  t.equal(text, 'ä23')
  t.equal(stats.ino, statSync(join(dir, 'file'), { bigint: true }).ino)
})

t.test('readText() rejects a file of one byte more than the maximum', async (t) => {
  const dir = t.testdir({ file: '12345' })
  await t.rejects(readText(tasksDirectory(dir), 'file', 4), { code: 'UNREADABLE', message: 'it is larger than 4 bytes', unfinished: false })
})

t.test('readText() reads at most 1 MiB by default', async (t) => {
  const dir = t.testdir({ file: '' })
  truncateSync(join(dir, 'file'), 2 ** 20)
  t.equal((await readText(tasksDirectory(dir), 'file')).text.length, 2 ** 20)
  truncateSync(join(dir, 'file'), 2 ** 20 + 1)
  await t.rejects(readText(tasksDirectory(dir), 'file'), /larger than 1048576 bytes/)
})

t.test('readText() counts a file that has more bytes than its size as unfinished', async (t) => {
  // procfs reports a size of 0
  await t.rejects(readText(tasksDirectory('/proc/self'), 'stat'), { code: 'UNREADABLE', message: /changed while it was read/, unfinished: true })
})

t.test('readText() rejects with the system error if the file is missing', async (t) => {
  await t.rejects(readText(tasksDirectory(t.testdir()), 'file'), { code: 'ENOENT' })
})

t.test('ifExists() turns ENOENT into undefined', async (t) => {
  t.equal(await ifExists(Promise.reject(systemError('ENOENT'))), undefined)
  t.equal(await ifExists(Promise.resolve(1)), 1)
})

t.test('ifExists() passes on all other errors', async (t) => {
  await t.rejects(ifExists(Promise.reject(systemError('ENOTDIR'))), { code: 'ENOTDIR' })
})

t.test('ifReadable() turns a file that cannot be used into "unreadable"', async (t) => {
  t.equal(await ifReadable(Promise.reject(new UnreadableFile('it is empty'))), 'unreadable')
  t.equal(await ifReadable(Promise.reject(systemError('EACCES'))), 'unreadable')
  t.equal(await ifReadable(Promise.resolve(1)), 1)
})

t.test('ifReadable() passes on all other errors', async (t) => {
  await t.rejects(ifReadable(Promise.reject(systemError('EIO'))), { code: 'EIO' })
})
