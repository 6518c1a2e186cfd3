// Takes a task, prepares its command, and waits to be killed before it starts it.
import { open } from 'node:fs/promises'
import { claimTask } from '../../lib/protocol/claim.ts'
import { bootId } from '../../lib/processor/command/command.ts'
import { launch } from '../../lib/processor/command/start-command.ts'
import { ForkServer } from '../../lib/processor/command/fork-server.ts'
import { StateDirectory } from '../../lib/processor/state/state-directory.ts'
import { WRAPPERS } from '../../lib/processor/command/wrapper.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'

// nothing of a processor keeps this process from ending
setInterval(() => {}, 1000)
const [dir, stateDir, id, wrapper] = process.argv.slice(2) as [string, string, string, keyof typeof WRAPPERS | 'launcher']
const state = await StateDirectory.open(stateDir, tasksDirectory(dir), console)
const taken = await claimTask(tasksDirectory(dir), id, 'processor')
const { command, type } = taken!.task.task
const attempt = state.createAttempt({ id, bootId, type }, undefined)
const log = { file: await open(`${dir}/${id}.log`, 'a'), maxBytes: undefined }
const launchers = wrapper === 'launcher'
  ? { wrapper: WRAPPERS.sh, launcher: await ForkServer.start(WRAPPERS.perl, () => {}) }
  : { wrapper: WRAPPERS[wrapper] }
await launch(launchers, attempt, { shell: command, type, env: { TASK_ID: id } }, log)
console.log('prepared')
