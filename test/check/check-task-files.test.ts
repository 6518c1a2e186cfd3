import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { before, systemError } from '../protocol/fixtures/system-calls.ts'
import { ID, writeClaim, writeMarker, writeTask } from '../protocol/fixtures/task-files.ts'
import { linesOf } from './fixtures/lines-of.ts'

const COMPLETED = { status: 'completed', completedAt: '2024-05-06T07:08:09.123Z' }

type Arrange = (at: (name: string) => string, dir: string) => unknown

const situations: Array<[name: string, arrange: Arrange, lines: string[]]> = [
  ['accepts a claim and a cancel marker of a queued task', (_, dir) => { writeTask(dir); writeClaim(dir, 'cancel'); writeMarker(dir, 'cancel') }, []],
  ['reports a task file that is not JSON', (at) => writeFileSync(at(`${ID}.json`), '{"id"'), [`error ${ID}.json: it is not valid JSON`]],
  ['reports a task file that is not an object', (at) => writeFileSync(at(`${ID}.json`), '[]'), [`error ${ID}.json: it is not a JSON object`]],
  ['reports a task file with another id', (_, dir) => writeTask(dir, { id: 'task_1_b' }), [`error ${ID}.json: its id does not match the file name`]],
  ['reports a task file over 1 MiB', (at, dir) => { writeTask(dir); truncateSync(at(`${ID}.json`), 2 ** 20 + 1) }, [`error ${ID}.json: it is larger than 1048576 bytes`]],
  ['reports a task file that is a FIFO', (at) => execFileSync('mkfifo', [at(`${ID}.json`)]), [`error ${ID}.json: it is not a regular file`]],
  ['reports a marker that is a directory', (at, dir) => { writeTask(dir); mkdirSync(at(`${ID}.cancel`)) }, [`error ${ID}.cancel: it is not a regular file`]],
  ['reports symbolic links', (at, dir) => {
    writeTask(dir)
    for (const kind of ['log', 'claim', 'cancel']) symlinkSync(`${ID}.json`, at(`${ID}.${kind}`))
  }, [`error ${ID}.cancel: it is a symbolic link`, `error ${ID}.claim: it is a symbolic link`, `error ${ID}.log: it is a symbolic link`]],
  ['reports the log of an unfinished task that has two hard links', (at, dir) => { writeTask(dir); writeFileSync(at(`${ID}.log`), ''); linkSync(at(`${ID}.log`), at('.backup')) },
    [`error ${ID}.log: it has more than one hard link`]],
  ['warns about the log of a finished task that has two hard links', (at, dir) => { writeTask(dir, COMPLETED); writeFileSync(at(`${ID}.log`), ''); linkSync(at(`${ID}.log`), at('.backup')) },
    [`warning ${ID}.log: it has more than one hard link`]],
  ['warns about a task file that has two hard links', (at, dir) => { writeTask(dir); linkSync(at(`${ID}.json`), at('.backup')) }, [`warning ${ID}.json: it has more than one hard link`]],
  ['warns about a claim that has two hard links', (at, dir) => { writeTask(dir); writeClaim(dir, 'cancel'); linkSync(at(`${ID}.claim`), at('.backup')) }, [`warning ${ID}.claim: it has more than one hard link`]],
  ['reports an empty claim', (at, dir) => { writeTask(dir); writeFileSync(at(`${ID}.claim`), '') }, [`error ${ID}.claim: it is not valid JSON`]],
  ['reports a claim that is not an object', (at, dir) => { writeTask(dir); writeFileSync(at(`${ID}.claim`), '[]') }, [`error ${ID}.claim: it is not a JSON object`]],
  ['reports each wrong field of a claim', (at, dir) => { writeTask(dir); writeFileSync(at(`${ID}.claim`), '{"by": "me", "nonce": ""}') },
    [`error ${ID}.claim: its by must be processor or cancel, not "me"`, `error ${ID}.claim: its nonce must be a string that is not empty, not ""`]],
  ['accepts unknown fields of a claim', (at, dir) => { writeTask(dir); writeFileSync(at(`${ID}.claim`), '{"by": "processor", "nonce": "x", "more": 1}') }, []],
  ['warns about the claim and the marker of a finished task', (at, dir) => { writeTask(dir, COMPLETED); writeClaim(dir, 'processor'); writeMarker(dir, 'cancel'); writeFileSync(at(`${ID}.log`), '') },
    [`warning ${ID}.cancel: its task has finished`, `warning ${ID}.claim: its task has finished`]],
  ['warns about files without a task', (at, dir) => { writeClaim(dir, 'processor'); writeMarker(dir, 'cancel'); writeFileSync(at(`${ID}.log`), '') },
    [`warning ${ID}.cancel: it has no task`, `warning ${ID}.claim: it has no task`, `warning ${ID}.log: it has no task`]],
  ['warns about an unfinished deletion', (_, dir) => { writeTask(dir); writeMarker(dir, 'delete') }, [`warning ${ID}.cancel: an unfinished deletion`]],
  ['warns about a file that the directory\'s group cannot read', (at, dir) => { writeTask(dir); chmodSync(at(`${ID}.json`), 0o600) }, [`warning ${ID}.json: the directory's group cannot read it`]],
  ['accepts private files in a private directory', (at, dir) => { writeTask(dir); chmodSync(at(`${ID}.json`), 0o600); chmodSync(dir, 0o700) }, []]
]

for (const [name, arrange, lines] of situations) {
  t.test(`checkDirectory() ${name}`, async (t) => {
    const dir = t.testdir({})
    arrange((name) => join(dir, name), dir)
    t.strictSame(await linesOf(dir), lines)
  })
}

t.test('a file of another group needs read permission for all users', { skip: process.getuid!() === 0 ? false : 'only root can change the group of a file to any other' }, async (t) => {
  const dir = t.testdir({})
  writeTask(dir)
  execFileSync('chgrp', ['12345', join(dir, `${ID}.json`)])
  t.strictSame(await linesOf(dir), [])
  chmodSync(join(dir, `${ID}.json`), 0o640)
  t.strictSame(await linesOf(dir), [`warning ${ID}.json: the directory's group cannot read it`])
})

t.test('checkDirectory() reports the code of a system error', async (t) => {
  const dir = t.testdir({ [`${ID}.log`]: '' })
  writeTask(dir)
  before(t, 'open', (path: string) => { if (path.endsWith('.log')) throw systemError('EACCES') })
  t.strictSame(await linesOf(dir), [`error ${ID}.log: it cannot be read (EACCES)`])
})
