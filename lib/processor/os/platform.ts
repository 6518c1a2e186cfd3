import { readlinkSync } from 'node:fs'
import { ProcessorStartError } from '../start-error.ts'

/**
 * The processor supervises its commands through `/proc`, sessions and signals as Linux has them.
 * @throws ProcessorStartError on any other system
 */
export function requireLinux (platform: NodeJS.Platform = process.platform): void {
  if (platform === 'linux') return
  throw new ProcessorStartError(`The processor needs Linux; this system is "${platform}". Run it in a Linux container or virtual machine.`)
}

/** @throws ProcessorStartError if `/proc` shows the processes of another PID namespace: pids there would name other processes */
export function requireOwnProc (): void {
  if (readlinkSync('/proc/self') === String(process.pid)) return
  throw new ProcessorStartError('/proc belongs to another PID namespace; remount it (`unshare --mount-proc`).')
}
