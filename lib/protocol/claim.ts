import { randomBytes } from 'node:crypto'
import type { StoredTask } from '../shared/stored-task.ts'
import { fileName } from './file-names.ts'
import { readSideFile } from './side-file.ts'
import { readTask } from './task-file.ts'
import type { TasksDirectory } from './tasks-directory.ts'
import { createExclusive, removeFile } from './write-file.ts'

/** A processor claims a task to run it (`processor`). The web side or a processor claims it to cancel it (`cancel`). */
export type ClaimHolder = 'processor' | 'cancel'

export interface Claim {
  readonly by: ClaimHolder
  /** Random: it distinguishes this claim from earlier and later ones. */
  readonly nonce: string
}

/** A task claimed out of `queued`. The claim exists until it is released, or until it is removed as stale after a crash. */
export interface ClaimedTask {
  readonly claim: Claim
  readonly task: StoredTask
  /** Removes the claim, if it still has this nonce. Call it only after the new state has been written. */
  release (): Promise<void>
}

/**
 * The only way out of `queued`. Re-reading the file after claiming is what makes it exclusive: the claim may have been
 * created after another program already ran the task and released its claim.
 * @returns undefined if another program holds the claim, or the task is no longer queued
 * @throws UnreadableFile if the task file cannot be used; the claim is then released
 * @throws the system error
 */
export async function claimTask (directory: TasksDirectory, id: string, by: ClaimHolder): Promise<ClaimedTask | undefined> {
  const claim: Claim = { by, nonce: randomBytes(16).toString('hex') }
  if (!await createExclusive(directory, fileName(id, 'claim'), JSON.stringify(claim), { sync: false })) return undefined
  const release = () => releaseClaim(directory, id, claim.nonce)
  try {
    const task = await readTask(directory, id)
    if (task?.status === 'queued') return { claim, task, release }
  } catch (error) {
    await release()
    throw error
  }
  await release()
  return undefined
}

async function releaseClaim (directory: TasksDirectory, id: string, nonce: string): Promise<void> {
  const claim = await readClaim(directory, id)
  if (claim?.nonce === nonce) await removeClaim(directory, id)
}

/**
 * Reads the claim of a task.
 * @returns undefined if there is none, or if it is not valid, such as one that is not complete yet (a mount without hard links)
 * @throws UnreadableFile if it is not a regular file, or too large
 * @throws the system error, except `ENOENT`
 */
export async function readClaim (directory: TasksDirectory, id: string): Promise<Claim | undefined> {
  const value = await readSideFile(directory, fileName(id, 'claim'))
  if (typeof value !== 'object' || value === null) return undefined
  const { by, nonce } = value as Record<string, unknown>
  return (by === 'processor' || by === 'cancel') && typeof nonce === 'string' ? { by, nonce } : undefined
}

/**
 * Removes a claim, whatever program holds it.
 * @returns whether it existed
 */
export async function removeClaim (directory: TasksDirectory, id: string): Promise<boolean> {
  return await removeFile(directory, fileName(id, 'claim'))
}
