import t from 'tap'
import { isTemporaryName, kindsById, parseFileName } from '../../lib/protocol/file-names.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { replaceFile } from '../../lib/protocol/write-file.ts'
import { before } from './fixtures/system-calls.ts'
import { temporaryNames } from './fixtures/task-files.ts'

t.test('parseFileName() returns the task id and the kind of file', async (t) => {
  t.strictSame(parseFileName('task_1_a.json'), { id: 'task_1_a', kind: 'json' })
  t.strictSame(parseFileName('TASK_1_Zz.cancel'), { id: 'TASK_1_Zz', kind: 'cancel' })
})

for (const name of ['', 'task_1_a', 'task_1_a.', 'task_1_a.txt', 'task_1_a.json.tmp', '.task_1_a.json', 'task_1_ä.log', 'task__a.log', '../task_1_a.log', 'json']) {
  t.test(`parseFileName() returns undefined for ${JSON.stringify(name)}`, async (t) => {
    t.equal(parseFileName(name), undefined)
  })
}

t.test('kindsById() groups the names of task files by task', async (t) => {
  const kinds = kindsById(['task_1_a.json', 'README', 'task_2_b.log', 'task_1_a.log', '.tmp-1', 'task_1_a.txt'])
  t.strictSame(kinds, new Map([['task_1_a', new Set(['json', 'log'])], ['task_2_b', new Set(['log'])]]))
})

t.test('isTemporaryName() accepts the temporary names of this package', async (t) => {
  const dir = t.testdir()
  const seen: string[] = []
  before(t, 'rename', () => { seen.push(...temporaryNames(dir)) })
  await replaceFile(tasksDirectory(dir), 'task_1_a.json', '')
  t.equal(seen.length, 1)
  t.ok(isTemporaryName(seen[0]!), `${seen[0]} is a temporary name`)
  t.notOk(isTemporaryName(`${seen[0]}.json`))
})

for (const name of ['.tmp-', '.tmp-mine', 'task_1_a.json']) {
  t.test(`isTemporaryName() rejects ${name}`, async (t) => {
    t.notOk(isTemporaryName(name))
  })
}
