// Claims a task and prepares its command. Then it waits to be killed before it starts the command.
import { open } from 'node:fs/promises'
import { claimTask } from '../../lib/protocol/claim.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import { ForkServer } from '../../lib/processor/command/fork-server.ts'
import { startCommand } from '../../lib/processor/command/start-command.ts'
import { perlWrapper, shellWrapper } from '../../lib/processor/command/wrapper.ts'
import { StateDirectory } from '../../lib/processor/state/state-directory.ts'

// without a processor, nothing else keeps this process from exiting
setInterval(() => {}, 1000)
const [dir, stateDir, id, wrapper] = process.argv.slice(2) as [string, string, string, 'perl' | 'sh' | 'fork-server']
const state = await StateDirectory.open(stateDir, tasksDirectory(dir), console)
const claimed = await claimTask(tasksDirectory(dir), id, 'processor')
const { command, type } = claimed!.task.parse()
const attempt = state.createAttempt({ id, type }, undefined)
const log = { file: await open(`${dir}/${id}.log`, 'a'), maxBytes: undefined }
const [perl, sh] = await Promise.all([perlWrapper(), shellWrapper()])
const methods = wrapper === 'fork-server'
  ? { wrapper: sh, forkServer: await ForkServer.start(perl.forkServer!, () => {}) }
  : { wrapper: wrapper === 'perl' ? perl : sh }
await startCommand(methods, attempt, { shell: command, type, env: { TASK_ID: id } }, log)
console.log('prepared')
