import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { ifExists, readTextAt } from '../../protocol/regular-file.ts'
import { PolicyError } from './parse-policy.ts'
import { threadPoolFileSystem } from '../../protocol/thread-pool-file-system.ts'

const MAX_POLICY_BYTES = 1024 * 1024

/**
 * Reads a policy file, rejecting it if others could modify it.
 * @throws PolicyError
 * @throws UnreadableFile, and the system's error, `ENOENT` included
 */
export async function readPolicyText (path: string, tasksDir: string): Promise<string> {
  const real = await realpath(path)
  const dir = await ifExists(realpath(tasksDir)) ?? resolve(tasksDir)
  // a link there could be pointed elsewhere
  const named = join(await realpath(dirname(path)), basename(path))
  if ([real, named].some((path) => path.startsWith(dir.endsWith(sep) ? dir : dir + sep))) {
    throw new PolicyError('it is inside the tasks directory, where others can write')
  }
  const { text, stats } = await readTextAt(threadPoolFileSystem, real, MAX_POLICY_BYTES)
  const [folder, tasks] = await Promise.all([stat(dirname(real)), ifExists(stat(dir))])
  const [uid, gid, mode] = [Number(stats.uid), Number(stats.gid), Number(stats.mode)]
  if (uid !== 0 && uid !== process.getuid?.()) throw new PolicyError('it belongs to another user; chown it to root, or to the processor\'s user')
  if ((mode & 0o002) !== 0) throw new PolicyError('it is world-writable; chmod o-w')
  if ((mode & 0o020) !== 0 && gid === tasks?.gid) throw new PolicyError('the group of the tasks directory can write it; chmod g-w')
  // a sticky directory lets nobody replace the files of others
  if ((folder.mode & 0o1002) === 0o002) throw new PolicyError(`everybody can write to ${dirname(real)}, and so replace it`)
  return text
}

/** Changes with the file: its content, its place, its rights. Links are followed, as Kubernetes swaps them. */
export async function policyStamp (path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
