import t from 'tap'
import { nameDifferences, type KnownFiles } from '../../lib/directory/watch/name-differences.ts'

interface Known {
  tasks?: string[]
  sideFiles?: string[]
  deleted?: string[]
  missingLogs?: string[]
}

function known ({ tasks = [], sideFiles = [], deleted = [], missingLogs = [] }: Known): KnownFiles {
  return {
    tasks: new Map(tasks.map((id) => [id, undefined])),
    sideFiles: new Set(sideFiles),
    isDeleted: (id) => deleted.includes(id),
    isLogMissing: (id) => missingLogs.includes(id)
  }
}

t.test('nameDifferences returns the files that appeared or disappeared', async (t) => {
  const a = 'task_1_a'
  const table: Array<[title: string, names: string[], known: Known, differences: string[]]> = [
    ['an empty directory', [], {}, []],
    ['names of other files', ['.queue.fifo', 'task_1_a.txt', '.tmp-0123'], {}, []],
    ['a new task file', ['task_1_a.json'], {}, ['task_1_a.json task-file']],
    ['a known task file', ['task_1_a.json'], { tasks: [a] }, []],
    ['a task file with a delete marker', ['task_1_a.json', 'task_1_a.cancel'], { deleted: [a], sideFiles: [a] }, []],
    ['a task file that disappeared', [], { tasks: [a] }, ['task_1_a.json task-file']],
    ['a task file of which only the log is left', ['task_1_a.log'], { tasks: [a] }, ['task_1_a.json task-file']],
    ['a log without a task', ['task_1_a.log'], {}, []],
    ['a log that was missing', ['task_1_a.json', 'task_1_a.log'], { tasks: [a], missingLogs: [a] }, ['task_1_a.log log']],
    ['a log that existed', ['task_1_a.json', 'task_1_a.log'], { tasks: [a] }, []],
    ['a new claim', ['task_1_a.claim'], {}, ['task_1_a.claim side-files']],
    ['a new marker', ['task_1_a.cancel'], {}, ['task_1_a.cancel side-files']],
    ['a new claim and a new marker', ['task_1_a.claim', 'task_1_a.cancel'], {}, ['task_1_a.cancel side-files']],
    ['a known claim', ['task_1_a.claim'], { sideFiles: [a] }, []],
    ['a marker in place of a claim', ['task_1_a.cancel'], { sideFiles: [a] }, []],
    ['a claim that disappeared', ['task_1_a.json'], { tasks: [a], sideFiles: [a] }, ['task_1_a.claim side-files']],
    ['all files of a new task', ['task_1_a.json', 'task_1_a.log', 'task_1_a.claim'], {}, ['task_1_a.json task-file', 'task_1_a.claim side-files']],
    ['two tasks', ['task_2_b.json'], { tasks: [a] }, ['task_2_b.json task-file', 'task_1_a.json task-file']]
  ]
  for (const [title, names, state, differences] of table) {
    const found = await nameDifferences(names, known(state))
    t.strictSame(found.flatMap(({ id, files }) => files.map(({ kind, target }) => `${id}.${kind} ${target}`)), differences, title)
  }
})
