import { appendFile, lstat, mkdir, open, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { LogTail } from '../../lib/directory/log/log-tail.ts'
import { temporaryDirectory } from '../helpers.ts'

t.test('a LogTail started at the end detects a rewrite of the beginning after its first read', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  const kept = Buffer.alloc(200, 'kept')
  await writeFile(path, Buffer.concat([Buffer.alloc(100, 'old'), kept]))
  const tail = new LogTail(path)
  tail.startAtEnd(await lstat(path, { bigint: true }))
  await appendFile(path, kept)
  t.match(await tail.readChunk({ isFinished: false }), { change: { offset: 300, end: 500 } })
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(100, 'new'), 0, 100, 0)
  await file.close()
  await appendFile(path, 'more')
  t.match(await tail.readChunk({ isFinished: false }), { change: { truncated: true } })
})

t.test('a LogTail started at the end of a short log reads appended bytes without reporting a truncation', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  await writeFile(path, Buffer.alloc(40, 'old'))
  const tail = new LogTail(path)
  tail.startAtEnd(await lstat(path, { bigint: true }))
  for (const [offset, end] of [[40, 140], [140, 240], [240, 340]]) {
    await appendFile(path, Buffer.alloc(100, `${end}`))
    t.match(await tail.readChunk({ isFinished: false }), { change: { offset, end } })
  }
})

for (const [content, change] of [
  ['content', { offset: 7, end: 7, chunk: '' }],
  ['', { offset: 0, end: 0, chunk: '', truncated: true }],
  [undefined, { offset: 0, end: 0, chunk: '', truncated: true }],
  [Buffer.from([0xe2, 0x82]), { offset: 0, end: 0, chunk: '', truncated: true }]
] as const) {
  t.test(`a LogTail started at an unknown end reports ${JSON.stringify(change)} first for the content ${content}`, async (t) => {
    const path = join(await temporaryDirectory(t), 'task_1_a.log')
    if (content !== undefined) await writeFile(path, content)
    const tail = new LogTail(path)
    tail.startAtUnknownEnd()
    t.strictSame((await tail.readChunk({ isFinished: false })).change, change)
    await appendFile(path, 'more')
    t.match(await tail.readChunk({ isFinished: false }), { change: { offset: change.end, chunk: /more$/ } })
  })
}

t.test('a LogTail started at an unknown end does not report the old content after a failed read', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  await mkdir(path)
  const tail = new LogTail(path)
  tail.startAtUnknownEnd()
  await t.rejects(tail.readChunk({ isFinished: true }))
  await rmdir(path)
  await writeFile(path, 'content')
  t.match(await tail.readChunk({ isFinished: true }), { change: { offset: 7, end: 7, chunk: '' } })
})
