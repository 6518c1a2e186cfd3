// Loaded before a processor, suspends it when it is about to start the processes of its first task.
import childProcess from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { spawn } = childProcess

childProcess.spawn = (program, ...rest) => {
  if (rest.at(-1)?.detached === true && !existsSync(process.env.SUSPENDED)) {
    writeFileSync(process.env.SUSPENDED, '')
    process.kill(process.pid, 'SIGSTOP')
  }
  return spawn(program, ...rest)
}
syncBuiltinESMExports()
