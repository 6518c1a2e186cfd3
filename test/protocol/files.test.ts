import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync, chownSync, chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isTemporaryName, MAX_TASK_BYTES, parseFileName } from '../../lib/protocol/file-names.ts'
import { openRegular, readText, UnreadableFile } from '../../lib/protocol/regular-file.ts'
import { readTaskFile } from '../../lib/protocol/task-file.ts'
import { createExclusive, removeFile, replaceFile, syncDirectory } from '../../lib/protocol/write-file.ts'
import { errorCode } from '../../lib/util/error-code.ts'
import { compilePrograms } from './fixtures/programs.ts'
import { before, refuseSync, systemError, withoutLinks } from './fixtures/system-calls.ts'
import { ID, names, temporaryNames, writeTask } from './fixtures/task-files.ts'
import { threadPoolFileSystem } from '../../lib/protocol/thread-pool-file-system.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const program = compilePrograms(t)
const root = process.getuid?.() === 0
const JSON_NAME = `${ID}.json`

/** The error that reading the task gives. */
async function whyUnreadable (dir: string, id = ID): Promise<UnreadableFile> {
  const error = await readTaskFile(tasksDirectory(dir), id).then(() => undefined, (error) => error)
  if (!(error instanceof UnreadableFile)) throw new Error(`expected an unreadable file, not ${error}`)
  return error
}

t.test('a name tells the task and the kind of file, or that it is not a task\'s', async (t) => {
  t.strictSame(parseFileName('task_1_a.json'), { id: 'task_1_a', kind: 'json' })
  t.strictSame(parseFileName('TASK_1_Zz.cancel'), { id: 'TASK_1_Zz', kind: 'cancel' })
  for (const name of ['', 'task_1_a', 'task_1_a.', 'task_1_a.txt', 'task_1_a.json.tmp', '.task_1_a.json', 'task_1_ä.log', 'task__a.log', '../task_1_a.log', 'json']) {
    t.equal(parseFileName(name), undefined, JSON.stringify(name))
  }
})

t.test('whatever is not a regular file is refused at once, however many there are', { timeout: 10_000 }, async (t) => {
  const dir = t.testdir({ target: '{}' })
  const fifos = Array.from({ length: 8 }, (_, index) => `task_2_${index}`)
  execFileSync('mkfifo', fifos.map((id) => join(dir, `${id}.json`)))
  symlinkSync(join(dir, 'target'), join(dir, 'task_3_a.json'))
  symlinkSync(join(dir, 'nowhere'), join(dir, 'task_3_b.json'))
  mkdirSync(join(dir, 'task_4_a.json'))
  t.teardown(() => server.close())
  // the path of a socket has at most 107 bytes
  const cwd = process.cwd()
  process.chdir(dir)
  const server = createServer().listen('task_5_a.json')
  process.chdir(cwd)
  await once(server, 'listening')
  for (const error of await Promise.all(fifos.map((id) => whyUnreadable(dir, id)))) t.match(error.message, /not a regular file/)
  for (const id of ['task_3_a', 'task_3_b']) t.match((await whyUnreadable(dir, id)).message, /symbolic link/)
  for (const id of ['task_4_a', 'task_5_a']) t.match((await whyUnreadable(dir, id)).message, /not a regular file/)
  const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT
  for (const id of ['task_2_0', 'task_3_a', 'task_4_a', 'task_5_a']) {
    await t.rejects(openRegular(threadPoolFileSystem, join(dir, `${id}.json`), appending), { code: 'UNREADABLE' }, `writing ${id}`)
  }
  t.notOk(existsSync(join(dir, 'nowhere')), 'no symbolic link was followed')
})

t.test('a task file of 1 MiB is read, one byte more is not', async (t) => {
  const dir = t.testdir()
  const frame = JSON.stringify({ id: ID, config: '' }).length
  writeTask(dir)
  writeFileSync(join(dir, JSON_NAME), JSON.stringify({ id: ID, config: 'x'.repeat(MAX_TASK_BYTES - frame) }))
  t.equal(statSync(join(dir, JSON_NAME)).size, MAX_TASK_BYTES)
  t.equal((await readTaskFile(tasksDirectory(dir), ID)).task.id, ID)
  writeFileSync(join(dir, JSON_NAME), ' ', { flag: 'a' })
  const error = await whyUnreadable(dir)
  t.match(error.message, /larger than 1048576 bytes/)
  t.notOk(error.unfinished)
})

t.test('what does not parse may be a write in progress; what parses to something else is not', async (t) => {
  const dir = t.testdir()
  const cases: Array<[text: string, unfinished: boolean]> = [
    ['', true], ['{"id": "task_1_a", "comm', true], ['\0\0\0', true],
    ['[]', false], ['null', false], ['"task_1_a"', false], ['{}', false], ['{"id": "task_1_A"}', false], ['{"id": 1}', false]
  ]
  for (const [text, unfinished] of cases) {
    writeFileSync(join(dir, JSON_NAME), text)
    t.equal((await whyUnreadable(dir)).unfinished, unfinished, JSON.stringify(text))
  }
  // a regular file that gives more than the size it claims
  await t.rejects(readText(tasksDirectory('/proc/self'), 'stat'), /changed while it was read/)
})

t.test('a missing file or directory is the system\'s error, not an unreadable file', async (t) => {
  const dir = t.testdir()
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'ENOENT' })
  await t.rejects(readTaskFile(tasksDirectory(join(dir, 'gone')), ID), { code: 'ENOENT' })
  t.equal(await removeFile(tasksDirectory(dir), JSON_NAME), false)
  writeTask(dir)
  t.equal(await removeFile(tasksDirectory(dir), JSON_NAME), true)
  await t.rejects(removeFile(tasksDirectory(dir), '.'), { code: /EISDIR|EPERM/ })
})

t.test('a file without read permission is the system\'s error', { skip: root && 'root may read everything' }, async (t) => {
  const dir = t.testdir({ [JSON_NAME]: '{}' })
  chmodSync(join(dir, JSON_NAME), 0)
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'EACCES' })
})

/** Many at once, for a file whose every state a reader may see. */
async function createAtOnce (t: Test): Promise<void> {
  const dir = t.testdir()
  const texts = Array.from({ length: 40 }, () => randomBytes(50_000).toString('hex'))
  const created = await Promise.all(texts.map((text) => createExclusive(tasksDirectory(dir), JSON_NAME, text, { sync: false })))
  t.equal(created.filter(Boolean).length, 1)
  t.equal(readFileSync(join(dir, JSON_NAME), 'utf8'), texts[created.indexOf(true)], 'it holds what its creator wrote')
  t.equal(await createExclusive(tasksDirectory(dir), JSON_NAME, 'late'), false)
  t.strictSame(readdirSync(dir), [JSON_NAME], 'and no temporary file is left')
}

t.test('a name is created once, however many try', createAtOnce)

t.test('a name is created once where hard links are refused', async (t) => {
  withoutLinks(t)
  await createAtOnce(t)
})

t.test('a name is created once by several processes where the kernel refuses hard links', async (t) => {
  const dir = t.testdir()
  const refuse = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=link,linkat', '-e', 'inject=link,linkat:error=EPERM']
  try {
    execFileSync('strace', [...refuse, 'true'], { stdio: 'ignore' })
  } catch {
    return t.pass('hard links refused by the kernel', { skip: 'strace is missing, or may not trace here' })
  }
  const created = execFileSync('strace', [...refuse, 'sh', '-c', '"$@" & "$@" & wait', 'sh',
    process.execPath, program('create'), dir, JSON_NAME, '20'], { encoding: 'utf8' })
  t.strictSame(created.trim().split('\n').sort(), ['0', '1'])
  t.strictSame(readdirSync(dir), [JSON_NAME])
  t.match(readFileSync(join(dir, JSON_NAME), 'utf8'), /^text \d+$/)
})

t.test('what can\'t be created leaves nothing behind', async (t) => {
  const dir = t.testdir({ taken: {} })
  const tooLong = 'x'.repeat(300)
  await t.rejects(createExclusive(tasksDirectory(dir), tooLong, ''), { code: 'ENAMETOOLONG' })
  await t.rejects(replaceFile(tasksDirectory(dir), 'taken', ''), { code: 'EISDIR' })
  await t.rejects(createExclusive(tasksDirectory(join(dir, 'gone')), JSON_NAME, ''), { code: 'ENOENT' })
  withoutLinks(t)
  await t.rejects(createExclusive(tasksDirectory(dir), tooLong, ''), { code: 'ENAMETOOLONG' })
  before(t, 'rename', () => { throw systemError('EIO') })
  await t.rejects(createExclusive(tasksDirectory(dir), JSON_NAME, '{}'), { code: 'EIO' })
  t.strictSame(readdirSync(dir), ['taken'], 'the reserved name is free again')
})

t.test('a full disk leaves no half file, no temporary file and the former content', async (t) => {
  let unmount = () => {}
  // told before the directory is made, so that it is done before the directory is removed
  t.teardown(() => unmount())
  const dir = t.testdir()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    return t.pass('a disk of 64 KiB', { skip: 'mounting is not allowed here' })
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

t.test('files are readable by the group and by nobody else, whatever the umask', async (t) => {
  const dir = t.testdir()
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  for (const mask of [0o077, 0o022, 0]) {
    process.umask(mask)
    await replaceFile(tasksDirectory(dir), 'put', '')
    await createExclusive(tasksDirectory(dir), `created-${mask}`, '')
    t.equal(statSync(join(dir, 'put')).mode & 0o777, 0o640)
    t.equal(statSync(join(dir, `created-${mask}`)).mode & 0o777, 0o640)
  }
})

t.test('files take the directory\'s group', { skip: !root && 'only root may give a directory to any group' }, async (t) => {
  const dir = t.testdir()
  chownSync(dir, 0, 12345)
  await replaceFile(tasksDirectory(dir), 'put', '')
  await createExclusive(tasksDirectory(dir), 'created', '')
  t.strictSame(names(dir).map((name) => statSync(join(dir, name)).gid), [12345, 12345])
})

t.test('a replaced file is the old or the new one for each reader, never half of one', async (t) => {
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

t.test('a directory that can\'t be synced is no error; what is no directory is', async (t) => {
  // the kernel's own file system answers EINVAL
  await syncDirectory(tasksDirectory('/proc/self'))
  await t.rejects(syncDirectory(tasksDirectory(process.execPath)), { code: 'ENOTDIR' })
})

t.test('what is not on disk is not put in place', async (t) => {
  const dir = t.testdir()
  await refuseSync(t, 'EIO')
  await t.rejects(replaceFile(tasksDirectory(dir), JSON_NAME, ''), { code: 'EIO' })
  await t.rejects(createExclusive(tasksDirectory(dir), JSON_NAME, ''), { code: 'EIO' })
  t.strictSame(readdirSync(dir), [])
  await t.rejects(syncDirectory(tasksDirectory(dir)), { code: 'EIO' })
})

t.test('an error that is not the system\'s has no code of it', async (t) => {
  t.equal(errorCode(new Error('x')), 'UNKNOWN')
})

t.test('only names of its own count as temporary', async (t) => {
  const dir = t.testdir()
  const seen: string[] = []
  before(t, 'rename', () => { seen.push(...temporaryNames(dir)) })
  await replaceFile(tasksDirectory(dir), JSON_NAME, '')
  t.equal(seen.length, 1)
  t.ok(isTemporaryName(seen[0]!))
  for (const name of ['.tmp-', '.tmp-mine', `${seen[0]}.json`, JSON_NAME]) t.notOk(isTemporaryName(name), name)
})
