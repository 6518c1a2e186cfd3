import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryStore } from '../../lib/directory/directory-store.ts'
import { changeTask } from '../../lib/protocol/task-file.ts'
import { publishInfo } from '../../lib/processor/policy/publish-info.ts'
import { temporaryDirectory } from '../helpers.ts'
import { conformance } from './conformance/index.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

conformance(t, async (t) => {
  const dir = await temporaryDirectory(t)
  return {
    store: new DirectoryStore(dir),
    appendLog: async (taskId, text) => { await appendFile(join(dir, `${taskId}.log`), text) },
    setStatus: async (taskId, fields) => { await changeTask(tasksDirectory(dir), taskId, fields) },
    publish: async (types) => { await publishInfo(tasksDirectory(dir), types, {}) }
  }
})
