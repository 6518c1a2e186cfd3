import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAX_NEW_TASK_BYTES, MAX_TASK_BYTES } from '../../lib/protocol/file-names.ts'
import { changeTask, formatTask, readTask, readTaskFile } from '../../lib/protocol/task-file.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { ID, names, taskIn, writeTask } from './fixtures/task-files.ts'

const JSON_NAME = `${ID}.json`

t.test('readTaskFile() reads a task of 1 MiB', async (t) => {
  const dir = t.testdir()
  const frame = JSON.stringify({ id: ID, config: '' }).length
  writeFileSync(join(dir, JSON_NAME), JSON.stringify({ id: ID, config: 'x'.repeat(MAX_TASK_BYTES - frame) }))
  t.equal(statSync(join(dir, JSON_NAME)).size, MAX_TASK_BYTES)
  t.equal((await readTaskFile(tasksDirectory(dir), ID)).task.id, ID)
})

t.test('readTaskFile() rejects a queued task without room for the fields that a processor adds', async (t) => {
  const dir = t.testdir()
  const write = (status: string, size: number) => writeFileSync(join(dir, JSON_NAME), JSON.stringify({ id: ID, status, config: 'x'.repeat(size) }))
  write('queued', MAX_NEW_TASK_BYTES)
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'UNREADABLE', message: 'it is too large for the fields that a processor adds', unfinished: false })
  write('running', MAX_NEW_TASK_BYTES)
  t.equal((await readTask(tasksDirectory(dir), ID))?.status, 'running')
  write('queued', MAX_NEW_TASK_BYTES - 100)
  t.equal((await readTask(tasksDirectory(dir), ID))?.status, 'queued')
})

t.test('readTaskFile() rejects a task of one byte more than 1 MiB', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: ' '.repeat(MAX_TASK_BYTES + 1) })
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'UNREADABLE', message: /larger than 1048576 bytes/, unfinished: false })
})

for (const text of ['', '{"id": "task_1_a", "comm', '\0\0\0']) {
  t.test(`readTaskFile() counts ${JSON.stringify(text)} as unfinished`, async (t) => {
    const dir = t.testdir({ [JSON_NAME]: text })
    await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'UNREADABLE', unfinished: true })
  })
}

for (const text of ['[]', 'null', '"task_1_a"', '{}', '{"id": "task_1_A"}', '{"id": 1}']) {
  t.test(`readTaskFile() rejects ${text} as complete, but not this task`, async (t) => {
    const dir = t.testdir({ [JSON_NAME]: text })
    await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'UNREADABLE', unfinished: false })
  })
}

t.test('readTaskFile() rejects with the system error if the file or the directory is missing', async (t) => {
  const dir = t.testdir()
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'ENOENT' })
  await t.rejects(readTaskFile(tasksDirectory(join(dir, 'gone')), ID), { code: 'ENOENT' })
})

t.test('readTaskFile() rejects with the system error without read permission', { skip: process.getuid?.() === 0 && 'root may read all files' }, async (t) => {
  const dir = t.testdir({ [JSON_NAME]: '{}' })
  chmodSync(join(dir, JSON_NAME), 0)
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'EACCES' })
})

t.test('readTask() returns undefined if the file is missing', async (t) => {
  t.equal(await readTask(tasksDirectory(t.testdir()), ID), undefined)
})

t.test('changeTask() keeps all other fields', async (t) => {
  const dir = t.testdir()
  const foreign = { created_at: '2020-01-01', config: { deep: [null, { ä: '\u2028' }] }, owner: 7, constructor: 'x', exitCode: '1' }
  writeTask(dir, foreign)
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.strictSame(taskIn(dir), { id: ID, command: 'true', ...foreign, status: 'running' })
})

t.test('changeTask() keeps numbers that JavaScript cannot represent, and the order of the fields', async (t) => {
  const config = '{"2":1.0,"1":[12345678901234567890,-0,1E400]}'
  for (const filler of ['', 'x'.repeat(10_000)]) {
    const dir = t.testdir({ [JSON_NAME]: `{"status": "queued", "config": ${config}, "filler": "${filler}", "id": "${ID}"}` })
    await changeTask(tasksDirectory(dir), ID, { status: 'running', exitCode: null })
    const { json } = (await readTask(tasksDirectory(dir), ID))!
    t.equal(Buffer.from(json).toString(), `{"status":"running","config":${config},"filler":"${filler}","id":"${ID}","exitCode":null}`)
  }
})

t.test('changeTask() keeps a field named __proto__', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: `{"id": "${ID}", "__proto__": {"a": 1}}` })
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.equal(JSON.stringify(taskIn(dir)), `{"id":"${ID}","__proto__":{"a":1},"status":"running"}`)
})

t.test('changeTask() does not create a deleted task again', async (t) => {
  const dir = t.testdir()
  t.equal(await changeTask(tasksDirectory(dir), ID, { status: 'running' }), undefined)
  t.strictSame(names(dir), [])
})

t.test('changeTask() keeps a large task readable', async (t) => {
  const dir = t.testdir()
  // 800 KB in compact JSON, 4 MB if each item has its own line
  writeFileSync(join(dir, JSON_NAME), JSON.stringify({ id: ID, status: 'queued', config: Array(400_000).fill(1) }))
  await changeTask(tasksDirectory(dir), ID, { status: 'running' })
  t.equal((await readTask(tasksDirectory(dir), ID))?.status, 'running')
  t.ok(formatTask(JSON.stringify(taskIn(dir))).length < MAX_TASK_BYTES, 'formatTask() writes compact JSON')
})

t.test('readTaskFile() reads a file with a byte order mark and one with invalid UTF-8', async (t) => {
  const dir = t.testdir()
  writeFileSync(join(dir, JSON_NAME), `\uFEFF{"id": "${ID}", "command": "a"}`)
  t.strictSame((await readTask(tasksDirectory(dir), ID))?.parse(), { id: ID, command: 'a' })
  writeFileSync(join(dir, JSON_NAME), Buffer.concat([Buffer.from(`{"id": "${ID}", "command": "a`), Buffer.from([0xff]), Buffer.from('"}')]))
  t.strictSame((await readTask(tasksDirectory(dir), ID))?.parse(), { id: ID, command: 'a\uFFFD' })
})

t.test('readTaskFile() rejects a file that is nested too deeply as complete', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: `{"id": "${ID}", "config": ${'['.repeat(2400)}${']'.repeat(2400)}}` })
  await t.rejects(readTaskFile(tasksDirectory(dir), ID), { code: 'UNREADABLE', message: 'it is nested more than 100 levels deep', unfinished: false })
})

t.test('formatTask() indents a small task', async (t) => {
  t.equal(formatTask(`{"id":"${ID}","status":"queued"}`), `{\n  "id": "${ID}",\n  "status": "queued"\n}\n`)
})
