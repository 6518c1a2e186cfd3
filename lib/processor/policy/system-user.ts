import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { SystemUser } from './policy.ts'

const run = promisify(execFile)

/**
 * Asks the system's own user database, whatever feeds it (files, LDAP, systemd).
 * @throws Error where there is no such user, or commands can't run as another one here
 */
export async function findSystemUser (name: string): Promise<SystemUser> {
  if (process.getuid?.() !== 0) throw new Error('only a processor that runs as root can run commands as another user')
  const { stdout } = await run('getent', ['passwd', name], { encoding: 'utf8' }).catch((error) => {
    throw new Error(error.code === 2 ? `there is no user ${name}` : `getent can't be used: ${error.message}`)
  })
  const [, uid, gid, home] = /^[^:\n]*:[^:\n]*:(\d+):(\d+):[^:\n]*:([^:\n]*):/.exec(stdout) ?? []
  if (home === undefined) throw new Error(`what getent says of ${name} can't be read`)
  return { name, uid: Number(uid), gid: Number(gid), home }
}
