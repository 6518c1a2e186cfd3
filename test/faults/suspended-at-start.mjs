// Loaded before a processor, suspends it once: before it starts the processes of its first task, or, with
// SUSPEND_AT=open, before it opens the start gate.
import childProcess from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const { SUSPENDED, SUSPEND_AT = 'fork' } = process.env
const { spawn } = childProcess
const { write } = net.Socket.prototype

function suspend () {
  if (existsSync(SUSPENDED)) return
  writeFileSync(SUSPENDED, '')
  process.kill(process.pid, 'SIGSTOP')
}

// requests to the fork server
net.Socket.prototype.write = function (data, ...rest) {
  if (data.toString('latin1', 4).startsWith(`${SUSPEND_AT}\0`)) suspend()
  return write.call(this, data, ...rest)
}
// a spawned wrapper: it has six descriptors
childProcess.spawn = (program, ...rest) => {
  if (SUSPEND_AT === 'fork' && rest.at(-1)?.stdio?.length === 6) suspend()
  return spawn(program, ...rest)
}
syncBuiltinESMExports()
