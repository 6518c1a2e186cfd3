import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  enqueue, processesOf, readLogOf, readTaskOf, startProcessor, untilEnded, untilLogged
} from '../processor/fixtures.ts'
import { waitFor } from '../helpers.ts'

const MIB = 1024 * 1024
const skip = whyNoMounts()
const INTERVALS = { pollIntervalMs: 100, heartbeatIntervalMs: 100 }

function whyNoMounts (): string | false {
  if (process.getuid!() !== 0) return 'needs root, to mount'
  const { status, stderr } = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { encoding: 'utf8' })
  return status === 0 ? false : `needs to mount: ${stderr}`
}

function mount (t: Test, path: string, ...args: string[]): string {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  t.teardown(() => spawnSync('umount', ['-l', path]))
  execFileSync('mount', [...args, path])
  return path
}

/** Outside tap's directories: tap could not remove a mount point after an interrupted test. */
function makeBase (t: Test, ...names: string[]): string {
  const path = mkdtempSync(join(tmpdir(), 'fastify-tasks-disk-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  for (const name of names) mkdirSync(join(path, name))
  return path
}

/** A file system of 1 MiB. */
function mountSmall (t: Test, path: string): string {
  return mount(t, path, '-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs')
}

/** @returns a function that frees the space */
function fill (path: string): () => void {
  const file = join(path, 'ballast')
  try {
    appendFileSync(file, Buffer.alloc(2 * MIB))
  } catch { /* ENOSPC, as intended */ }
  return () => rmSync(file)
}

/** Appends to a file up to the end of a block: a further line needs another block. */
function fillBlock (path: string): void {
  const rest = 4096 - statSync(path).size % 4096
  appendFileSync(path, 'x'.repeat(rest - 1) + '\n')
}

const waitForFile = (path: string) => `while [ ! -e ${path} ]; do sleep 0.02; done`

t.test('when a command fills the disk, all tasks wait for space and no output is lost', { skip }, async (t) => {
  const dir = mountSmall(t, join(makeBase(t), 'tasks'))
  await startProcessor(t, dir, INTERVALS)
  writeFileSync(join(dir, 'ballast'), Buffer.alloc(MIB * 3 / 4))
  const big = await enqueue(dir, { command: 'seq 1 90000; exit 3', mine: 'kept' })
  const next = await enqueue(dir, { command: 'echo next; exit 4' })
  await waitFor(() => statfsSync(dir).bavail === 0, { describe: () => statfsSync(dir) })
  t.match(await readTaskOf(dir, big), { status: 'running', mine: 'kept' })
  t.match(await readTaskOf(dir, next), { status: 'queued' })
  rmSync(join(dir, 'ballast'))
  t.match(await untilEnded(dir, big), { status: 'failed', exitCode: 3, mine: 'kept', errorMessage: 'Exited with code 3.' })
  t.equal(await readLogOf(dir, big), Array.from({ length: 90_000 }, (_, i) => `${i + 1}\n`).join(''))
  t.match(await untilEnded(dir, next), { status: 'failed', exitCode: 4 })
})

t.test('survives a disk filled by others and continues once there is space', { skip }, async (t) => {
  const path = makeBase(t)
  const dir = mountSmall(t, join(path, 'tasks'))
  const { said } = await startProcessor(t, dir, { ...INTERVALS, concurrency: 3, graceMs: 100 })
  const go = join(path, 'go')
  const running = await enqueue(dir, { command: `echo up; ${waitForFile(go)}; exit 5`, mine: 1 })
  const late = await enqueue(dir, { command: 'echo up; sleep 66', timeoutMs: 1500 })
  await untilLogged(dir, running, 'up\n')
  await untilLogged(dir, late, 'up\n')
  const queued = await Promise.all([6, 7, 8].map((n) => enqueue(dir, { command: `exit ${n}`, status: 'later', mine: n })))
  const free = fill(dir)
  // in place: the disk has no space for another file
  for (const id of queued) writeFileSync(join(dir, `${id}.json`), JSON.stringify({ ...await readTaskOf(dir, id), status: 'queued' }))
  await said.untilMatch(/task_\w+: ENOSPC/)
  writeFileSync(go, '')
  await said.until(`${running}: its outcome (failed) cannot be written yet: ENOSPC`)
  await said.until(`${late}: its outcome (failed) cannot be written yet: ENOSPC`)
  t.strictSame(processesOf(late), [], 'it was terminated at its time limit')
  for (const id of queued) t.match(await readTaskOf(dir, id), { status: 'queued' })
  free()
  t.match(await untilEnded(dir, running), { exitCode: 5, mine: 1 })
  t.match(await untilEnded(dir, late), { exitCode: 143, errorMessage: 'Timed out after 1500 ms.' })
  for (const [i, id] of queued.entries()) t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 6 + i, mine: 6 + i })
})

t.test('while the state directory is full, running tasks finish and queued tasks wait', { skip }, async (t) => {
  const path = makeBase(t, 'tasks')
  const dir = join(path, 'tasks')
  const stateDir = mountSmall(t, join(path, 'state'))
  const { said } = await startProcessor(t, dir, { ...INTERVALS, stateDir, concurrency: 2, graceMs: 100 })
  const go = join(dir, 'go')
  const running = await enqueue(dir, { command: `echo up; ${waitForFile(go)}; exit 9` })
  const late = await enqueue(dir, { command: 'echo up; sleep 66', timeoutMs: 1500 })
  await untilLogged(dir, running, 'up\n')
  await untilLogged(dir, late, 'up\n')
  const [folder = ''] = readdirSync(stateDir)
  const record = readdirSync(join(stateDir, folder)).find((name) => name.startsWith(late))!
  fillBlock(join(stateDir, folder, record))
  const free = fill(stateDir)
  t.match(await untilEnded(dir, late), { status: 'failed', errorMessage: 'Timed out after 1500 ms.' })
  t.ok(said.lines.some((line) => line.includes(`${late}: could not record the stop reason: ENOSPC`)))
  await waitFor(() => readdirSync(join(stateDir, folder)).length === 2, { describe: () => readdirSync(join(stateDir, folder)) })
  fill(stateDir)
  const queued = await enqueue(dir, { command: 'exit 10' })
  await said.until(`${queued}: ENOSPC`)
  t.match(await readTaskOf(dir, queued), { status: 'queued' })
  writeFileSync(go, '')
  t.match(await untilEnded(dir, running), { status: 'failed', exitCode: 9 })
  free()
  t.match(await untilEnded(dir, queued), { status: 'failed', exitCode: 10 })
  await waitFor(() => readdirSync(join(stateDir, folder)).join() === 'lock', { describe: () => readdirSync(join(stateDir, folder)) })
})

t.test('a command does not start if its attempt record cannot be extended', { skip }, async (t) => {
  const path = makeBase(t, 'tasks')
  const dir = join(path, 'tasks')
  const stateDir = mountSmall(t, join(path, 'state'))
  const { said } = await startProcessor(t, dir, { ...INTERVALS, stateDir })
  const ran = join(path, 'ran')
  // the first line almost fills a block, and the second one does not fit into it
  const fields = { command: `echo x >> ${ran}`, type: 'x'.repeat(3700) }
  const { bavail, bsize } = statfsSync(stateDir)
  writeFileSync(join(stateDir, 'ballast'), Buffer.alloc((bavail - 1) * bsize))
  const id = await enqueue(dir, fields)
  await said.until(`${id}: no process could be started for it`)
  t.match(await readTaskOf(dir, id), { status: 'queued' })
  rmSync(join(stateDir, 'ballast'))
  t.match(await untilEnded(dir, id), { status: 'completed' })
  t.equal(readFileSync(ran, 'utf8'), 'x\n')
})

t.test('outcomes are written after a read-only directory becomes writable', { skip }, async (t) => {
  const path = makeBase(t)
  const dir = mountSmall(t, join(path, 'tasks'))
  const { said } = await startProcessor(t, dir, INTERVALS)
  const go = join(path, 'go')
  const running = await enqueue(dir, { command: `echo up; ${waitForFile(go)}; exit 11` })
  await untilLogged(dir, running, 'up\n')
  const queued = await enqueue(dir, { command: 'exit 12' })
  // the log is open for writing, so the mount as a whole cannot change; a bind mount of the directory can
  execFileSync('mount', ['--bind', dir, dir])
  t.teardown(() => spawnSync('umount', ['-l', dir]))
  execFileSync('mount', ['-o', 'remount,bind,ro', dir])
  writeFileSync(go, '')
  await said.until(`${running}: its outcome (failed) cannot be written yet: EROFS`)
  execFileSync('mount', ['-o', 'remount,bind,rw', dir])
  t.match(await untilEnded(dir, running), { status: 'failed', exitCode: 11 })
  t.match(await untilEnded(dir, queued), { status: 'failed', exitCode: 12 })
})

t.test('tasks continue after their directory was renamed and renamed back', async (t) => {
  const path = makeBase(t, 'tasks')
  const dir = join(path, 'tasks')
  const { processor, said } = await startProcessor(t, dir, INTERVALS)
  const id = await enqueue(dir, { command: `echo up; ${waitForFile(join(path, 'go'))}; exit 13` })
  await untilLogged(dir, id, 'up\n')
  const queued = await enqueue(dir, { command: 'exit 14' })
  renameSync(dir, join(path, 'away'))
  writeFileSync(join(path, 'go'), '')
  await said.until(`${id}: its outcome (failed) cannot be written yet: the tasks directory is missing`)
  // longer than the interval of the lock's heartbeat
  await said.until('The tasks directory: ENOENT')
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  renameSync(join(path, 'away'), dir)
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 13 })
  t.match(await untilEnded(dir, queued), { status: 'failed', exitCode: 14 })
  t.equal(await processor.stop(), 'stopped')
})

t.test('a processor whose directory is unmounted loses its lock, and tasks continue after the mount', { skip }, async (t) => {
  const path = makeBase(t, 'disk', 'tasks')
  const dir = mount(t, join(path, 'tasks'), '--bind', join(path, 'disk'))
  const { processor, said } = await startProcessor(t, dir, INTERVALS)
  const id = await enqueue(dir, { command: `echo up; ${waitForFile(join(path, 'go'))}; exit 15` })
  await untilLogged(dir, id, 'up\n')
  const queued = await enqueue(dir, { command: 'exit 16' })
  execFileSync('umount', ['-l', dir])
  writeFileSync(join(path, 'go'), '')
  await said.until(`${id}: its outcome (failed) cannot be written yet: the tasks directory is missing`)
  // the mount point is another directory, without its lock
  await said.until('no more tasks will be claimed')
  execFileSync('mount', ['--bind', join(path, 'disk'), dir])
  t.match(await untilEnded(dir, id), { status: 'failed', exitCode: 15 })
  t.equal(await processor.ended, 'lost-lock')
  t.match(await readTaskOf(dir, queued), { status: 'queued' })
  await startProcessor(t, dir, INTERVALS)
  t.match(await untilEnded(dir, queued), { status: 'failed', exitCode: 16 })
})
