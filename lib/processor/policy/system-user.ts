import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { SystemUser } from './policy.ts'

const run = promisify(execFile)

/**
 * Looks up a user in the user database of the system, including LDAP and systemd, with `getent`.
 * @throws Error if there is no such user, or the processor cannot run commands as another user
 */
export async function findSystemUser (name: string): Promise<SystemUser> {
  if (process.getuid?.() !== 0) throw new Error('only a processor that runs as root can run commands as another user')
  const { stdout } = await run('getent', ['passwd', name], { encoding: 'utf8' }).catch((error) => {
    throw new Error(error.code === 2 ? `unknown user ${name}` : `getent cannot be used: ${error.message}`)
  })
  const [, uid, gid, home] = /^[^:\n]*:[^:\n]*:(\d+):(\d+):[^:\n]*:([^:\n]*):/.exec(stdout) ?? []
  if (home === undefined) throw new Error(`getent printed no valid entry for ${name}`)
  return { name, uid: Number(uid), gid: Number(gid), home }
}
