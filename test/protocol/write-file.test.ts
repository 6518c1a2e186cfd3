import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readText } from '../../lib/protocol/regular-file.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { createExclusive, removeFile, replaceFile, syncDirectory } from '../../lib/protocol/write-file.ts'
import { compilePrograms } from './fixtures/programs.ts'
import { before, refuseSync, systemError, withoutLinks } from './fixtures/system-calls.ts'
import { ID, names, temporaryNames } from './fixtures/task-files.ts'

const program = compilePrograms(t)
const isRoot = process.getuid?.() === 0
const JSON_NAME = `${ID}.json`

async function createInParallel (t: Test): Promise<void> {
  const dir = t.testdir()
  const texts = Array.from({ length: 40 }, () => randomBytes(50_000).toString('hex'))
  const created = await Promise.all(texts.map((text) => createExclusive(tasksDirectory(dir), JSON_NAME, text, { sync: false })))
  t.equal(created.filter(Boolean).length, 1)
  t.equal(readFileSync(join(dir, JSON_NAME), 'utf8'), texts[created.indexOf(true)], 'the file has the text of the call that created it')
  t.equal(await createExclusive(tasksDirectory(dir), JSON_NAME, 'late'), false)
  t.strictSame(readdirSync(dir), [JSON_NAME], 'no temporary file is left')
}

t.test('only one of several parallel createExclusive() calls creates the file', createInParallel)

t.test('only one of several parallel createExclusive() calls creates the file on a mount without hard links', async (t) => {
  withoutLinks(t)
  await createInParallel(t)
})

t.test('only one of two processes creates the file if the kernel refuses hard links', async (t) => {
  const dir = t.testdir()
  const refuse = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=link,linkat', '-e', 'inject=link,linkat:error=EPERM']
  try {
    execFileSync('strace', [...refuse, 'true'], { stdio: 'ignore' })
  } catch {
    return t.pass('hard links refused by the kernel', { skip: 'strace is missing, or tracing is not permitted' })
  }
  const created = execFileSync('strace', [...refuse, 'sh', '-c', '"$@" & "$@" & wait', 'sh',
    process.execPath, program('create-exclusive'), dir, JSON_NAME, '20'], { encoding: 'utf8' })
  t.strictSame(created.trim().split('\n').sort(), ['0', '1'])
  t.strictSame(readdirSync(dir), [JSON_NAME])
  t.match(readFileSync(join(dir, JSON_NAME), 'utf8'), /^text \d+$/)
})

t.test('a failed createExclusive() leaves no file behind', async (t) => {
  const dir = t.testdir()
  await t.rejects(createExclusive(tasksDirectory(dir), 'x'.repeat(300), ''), { code: 'ENAMETOOLONG' })
  await t.rejects(createExclusive(tasksDirectory(join(dir, 'gone')), JSON_NAME, ''), { code: 'ENOENT' })
  t.strictSame(readdirSync(dir), [])
})

t.test('a failed createExclusive() leaves no reserved name behind on a mount without hard links', async (t) => {
  const dir = t.testdir()
  withoutLinks(t)
  await t.rejects(createExclusive(tasksDirectory(dir), 'x'.repeat(300), ''), { code: 'ENAMETOOLONG' })
  before(t, 'rename', () => { throw systemError('EIO') })
  await t.rejects(createExclusive(tasksDirectory(dir), JSON_NAME, '{}'), { code: 'EIO' })
  t.strictSame(readdirSync(dir), [])
})

t.test('a failed replaceFile() leaves no temporary file behind', async (t) => {
  const dir = t.testdir({ existing: {} })
  await t.rejects(replaceFile(tasksDirectory(dir), 'existing', ''), { code: 'EISDIR' })
  t.strictSame(readdirSync(dir), ['existing'])
})

t.test('a full disk leaves the previous content and no partial file', async (t) => {
  let unmount = () => {}
  // registered before testdir(), so that it runs before the directory is removed
  t.teardown(() => unmount())
  const dir = t.testdir()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    return t.pass('a disk of 64 KiB', { skip: 'mounting is not permitted' })
  }
  unmount = () => execFileSync('umount', [dir])
  writeFileSync(join(dir, JSON_NAME), 'before')
  const large = 'x'.repeat(128 * 1024)
  await t.rejects(replaceFile(tasksDirectory(dir), JSON_NAME, large), { code: 'ENOSPC' })
  await t.rejects(createExclusive(tasksDirectory(dir), 'task_2_a.json', large), { code: 'ENOSPC' })
  t.throws(() => writeFileSync(join(dir, 'ballast'), large), { code: 'ENOSPC' })
  await t.rejects(replaceFile(tasksDirectory(dir), JSON_NAME, 'after'), { code: 'ENOSPC' })
  await t.rejects(createExclusive(tasksDirectory(dir), 'task_2_a.json', '{}'), { code: 'ENOSPC' })
  t.strictSame(readdirSync(dir).sort(), ['ballast', JSON_NAME])
  t.equal(readFileSync(join(dir, JSON_NAME), 'utf8'), 'before')
})

for (const mask of [0o077, 0o022, 0]) {
  t.test(`with a umask of ${mask.toString(8)}, only the owner and the group can read new files`, async (t) => {
    const dir = t.testdir()
    const umask = process.umask(mask)
    t.teardown(() => process.umask(umask))
    await replaceFile(tasksDirectory(dir), 'replaced', '')
    await createExclusive(tasksDirectory(dir), 'created', '')
    t.equal(statSync(join(dir, 'replaced')).mode & 0o777, 0o640)
    t.equal(statSync(join(dir, 'created')).mode & 0o777, 0o640)
  })
}

t.test('new files get the group of the directory', { skip: !isRoot && 'only root may set the group of a directory to any value' }, async (t) => {
  const dir = t.testdir()
  chownSync(dir, 0, 12345)
  await replaceFile(tasksDirectory(dir), 'replaced', '')
  await createExclusive(tasksDirectory(dir), 'created', '')
  t.strictSame(names(dir).map((name) => statSync(join(dir, name)).gid), [12345, 12345])
})

t.test('readers see either the old or the new content of a replaced file', async (t) => {
  const dir = t.testdir()
  const texts = ['a', 'b'].map((letter) => letter.repeat(200_000))
  await replaceFile(tasksDirectory(dir), JSON_NAME, texts[0]!, { sync: false })
  const written = new AbortController()
  const seen = new Set<string>()
  const read = async () => { while (!written.signal.aborted) seen.add((await readText(tasksDirectory(dir), JSON_NAME)).text) }
  const reading = [read(), read()]
  for (let index = 0; index < 100; index++) await replaceFile(tasksDirectory(dir), JSON_NAME, texts[index % 2]!, { sync: false })
  written.abort()
  await Promise.all(reading)
  t.strictSame([...seen].sort(), texts)
  t.strictSame(temporaryNames(dir), [])
})

t.test('replaceFile() and createExclusive() move no file into place that could not be synced', async (t) => {
  const dir = t.testdir()
  await refuseSync(t, 'EIO')
  await t.rejects(replaceFile(tasksDirectory(dir), JSON_NAME, ''), { code: 'EIO' })
  await t.rejects(createExclusive(tasksDirectory(dir), JSON_NAME, ''), { code: 'EIO' })
  t.strictSame(readdirSync(dir), [])
})

t.test('syncDirectory() ignores that a file system cannot sync directories', async () => {
  // procfs reports EINVAL
  await syncDirectory(tasksDirectory('/proc/self'))
})

t.test('syncDirectory() rejects with the system error of a failed sync', async (t) => {
  await refuseSync(t, 'EIO')
  await t.rejects(syncDirectory(tasksDirectory(t.testdir())), { code: 'EIO' })
})

t.test('syncDirectory() rejects a path that is not a directory', async (t) => {
  await t.rejects(syncDirectory(tasksDirectory(process.execPath)), { code: 'ENOTDIR' })
})

t.test('removeFile() returns whether the file existed', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: '{}' })
  t.equal(await removeFile(tasksDirectory(dir), JSON_NAME), true)
  t.equal(await removeFile(tasksDirectory(dir), JSON_NAME), false)
})

t.test('removeFile() leaves a directory', async (t) => {
  const dir = t.testdir({ x: {} })
  t.equal(await removeFile(tasksDirectory(dir), 'x'), false)
  t.strictSame(readdirSync(dir), ['x'])
})

t.test('removeFile() passes on all other errors but ENOENT', async (t) => {
  await t.rejects(removeFile(tasksDirectory(t.testdir({ file: '' })), 'file/x'), { code: 'ENOTDIR' })
})
