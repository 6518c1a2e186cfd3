// Takes a task, prepares its command, and waits to be killed before it starts it.
import { open } from 'node:fs/promises'
import { takeTask } from '../../lib/directory/transitions.ts'
import { bootId } from '../../lib/processor/command.ts'
import { launch } from '../../lib/processor/launch.ts'
import { LOG_WRITERS } from '../../lib/processor/log-writer.ts'
import { StateDirectory } from '../../lib/processor/state-directory.ts'

const [dir, stateDir, id] = process.argv.slice(2) as [string, string, string]
const state = await StateDirectory.open(stateDir, dir, console)
const taken = await takeTask(dir, id, 'processor')
const { command, type } = taken!.task.task
const attempt = state.createAttempt({ id, bootId, type }, undefined)
const log = { file: await open(`${dir}/${id}.log`, 'a'), writer: LOG_WRITERS.cat, maxBytes: undefined }
await launch(attempt, { shell: command, type, env: { TASK_ID: id } }, log)
console.log('prepared')
setInterval(() => {}, 1000)
