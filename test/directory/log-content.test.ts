import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { openLogContent } from '../../lib/directory/log/log-content.ts'
import { temporaryDirectory } from '../helpers.ts'

t.test('the body of a log that is truncated while it is read fails', async (t) => {
  const path = join(await temporaryDirectory(t), 'task_1_a.log')
  await writeFile(path, Buffer.alloc(1024 * 1024, 'x'))
  const content = await openLogContent(path, { start: 0 })
  await truncate(path, 10)
  await t.rejects(text(content!.body), { message: /^The log was truncated while it was read: \d+ bytes are missing/ })
})

t.test('a log that is not a regular file counts as missing', async (t) => {
  t.equal(await openLogContent(await temporaryDirectory(t), { start: 0 }), undefined)
  t.equal(await openLogContent(join(await temporaryDirectory(t), 'task_1_a.log'), { start: 0 }), undefined)
})
