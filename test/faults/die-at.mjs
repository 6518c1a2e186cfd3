// Loaded before a program, kills it just before the DIE_AT-th time that it changes a file, or starts or requests a process.
import childProcess from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

let left = Number(process.env.DIE_AT)

function count (holder, name) {
  const original = holder[name]
  holder[name] = function (...args) {
    if (--left === 0) process.kill(process.pid, 'SIGKILL')
    return original.apply(this, args)
  }
}

for (const name of [
  'appendFileSync', 'closeSync', 'ftruncateSync', 'linkSync', 'openSync', 'renameSync', 'rmSync', 'unlinkSync', 'writeFileSync', 'writeSync'
]) count(fs, name)
for (const name of ['link', 'mkdir', 'open', 'rename', 'unlink', 'writeFile']) count(fs.promises, name)
count(childProcess, 'spawn')
// requests to the fork server
count(net.Socket.prototype, 'write')
syncBuiltinESMExports()
