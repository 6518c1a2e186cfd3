import type { BigIntStats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { ifExists, readTextAt } from '../../protocol/regular-file.ts'
import { threadPoolFileSystem } from '../../protocol/thread-pool-file-system.ts'
import { PolicyError } from './policy-error.ts'

const MAX_POLICY_BYTES = 1024 * 1024

/**
 * Reads a policy file, rejecting it if others could modify it.
 * @throws PolicyError
 * @throws UnreadableFile if it is not a regular file, or too large
 * @throws system errors, including `ENOENT`
 */
export async function readPolicyFile (path: string, tasksDir: string): Promise<string> {
  const file = await realpath(path)
  const tasks = await ifExists(realpath(tasksDir)) ?? resolve(tasksDir)
  await rejectInside(tasks, path, file)
  const { text, stats } = await readTextAt(threadPoolFileSystem, file, MAX_POLICY_BYTES)
  await rejectWritable(file, tasks, stats)
  return text
}

/** A link inside the tasks directory is rejected like a file: it could be pointed to another file. */
async function rejectInside (tasksDir: string, path: string, file: string): Promise<void> {
  const link = join(await realpath(dirname(path)), basename(path))
  const prefix = tasksDir.endsWith(sep) ? tasksDir : tasksDir + sep
  if ([file, link].some((path) => path.startsWith(prefix))) throw new PolicyError('it is inside the tasks directory, where others can write')
}

async function rejectWritable (file: string, tasksDir: string, stats: BigIntStats): Promise<void> {
  const [folder, tasks] = await Promise.all([stat(dirname(file)), ifExists(stat(tasksDir))])
  const [uid, gid, mode] = [Number(stats.uid), Number(stats.gid), Number(stats.mode)]
  if (uid !== 0 && uid !== process.getuid?.()) throw new PolicyError('it belongs to another user; chown it to root or to the user of the processor')
  if ((mode & 0o002) !== 0) throw new PolicyError('it is world-writable; chmod o-w')
  if ((mode & 0o020) !== 0 && gid === tasks?.gid) throw new PolicyError('the group of the tasks directory can write it; chmod g-w')
  // in a sticky directory, users cannot replace files of other users
  if ((folder.mode & 0o1002) === 0o002) throw new PolicyError(`its directory ${dirname(file)} is world-writable, so others can replace it; chmod o-w`)
}

/** Changes whenever the file's content, identity or permissions change. Links are followed: Kubernetes swaps them. */
export async function policyStamp (path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}
