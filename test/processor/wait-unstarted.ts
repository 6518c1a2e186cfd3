// Takes a task, prepares its command, and waits to be killed before it starts it.
import { open } from 'node:fs/promises'
import { takeTask } from '../../lib/directory/transitions.ts'
import { Command } from '../../lib/processor/command.ts'

const [dir, id] = process.argv.slice(2) as [string, string]
const taken = await takeTask(dir, id, 'processor')
await Command.prepare(taken!.task.task.command, { TASK_ID: id }, await open(`${dir}/${id}.log`, 'a'))
console.log('prepared')
setInterval(() => {}, 1000)
