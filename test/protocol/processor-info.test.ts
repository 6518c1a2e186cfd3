import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { MAX_INFO_BYTES, PROCESSOR_INFO_NAME } from '../../lib/protocol/file-names.ts'
import { readProcessorInfo, type ProcessorInfo } from '../../lib/protocol/processor-info.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

const NONE: ProcessorInfo = { types: [], anyType: false }

async function read (t: Test, text: string): Promise<ProcessorInfo> {
  const dir = t.testdir()
  writeFileSync(join(dir, PROCESSOR_INFO_NAME), text)
  return await readProcessorInfo(tasksDirectory(dir))
}

t.test('readProcessorInfo() returns the types and limits', async (t) => {
  const info = { types: [{ name: 'backup', title: 'Backup', timeoutMs: 1000 }], anyType: true, limits: { concurrency: 2 } }
  t.strictSame(await read(t, JSON.stringify({ version: 1, ...info })), info)
})

t.test('readProcessorInfo() omits unknown fields of a type', async (t) => {
  t.strictSame((await read(t, '{"types": [{"name": "backup", "extra": 1}]}')).types, [{ name: 'backup' }])
})

t.test('readProcessorInfo() omits types and limits that do not match the schema', async (t) => {
  t.strictSame(await read(t, '{"types": [{"name": ""}, 1, null, {"name": "backup"}], "anyType": 1, "limits": []}'), { types: [{ name: 'backup' }], anyType: false })
})

const unusable: Array<[name: string, text: string]> = [
  ['text that is not JSON', '{'],
  ['null', 'null'],
  ['more than 256 KiB', JSON.stringify({ types: [{ name: 'backup', description: 'x'.repeat(MAX_INFO_BYTES) }] })],
  ['limits that are nested too deeply to be sent', `{"types": [{"name": "backup"}], "limits": {"a": ${'['.repeat(50_000)}${']'.repeat(50_000)}}}`]
]

for (const [name, text] of unusable) {
  t.test(`readProcessorInfo() returns no types for ${name}`, async (t) => {
    t.strictSame(await read(t, text), NONE)
  })
}

t.test('readProcessorInfo() returns no types if the file is missing', async (t) => {
  t.strictSame(await readProcessorInfo(tasksDirectory(t.testdir())), NONE)
})
