import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Task } from '../shared/task-schema.ts'
import { isActive, type StoredTask } from '../shared/task.ts'
import { createExclusive, fileName, ifExists, MAX_SIDE_BYTES, MAX_TASK_BYTES, replaceFile, readTaskFile, readText, removeFile, UnreadableFile, type PutOptions } from './files.ts'
import { errorCode } from '../util/error-code.ts'

/** Who holds a claim: a processor that runs the task, or whoever cancels it. */
export type ClaimHolder = 'processor' | 'cancel'

export interface Claim {
  readonly by: ClaimHolder
  readonly nonce: string
}

/** A task taken out of `queued`: the claim stands until it is released. */
export interface ClaimedTask {
  readonly claim: Claim
  readonly task: StoredTask
  /** Call it only after the new state stands. */
  release (): Promise<void>
}

/** The one way of cancelling a task that never started. */
const CANCELLED_BEFORE_START = 'Cancelled before start.'

/**
 * The only way out of `queued`. Re-reading the file after claiming is what makes it exclusive: the claim may have been
 * created after someone else already ran the task and released theirs.
 * @returns undefined: somebody else holds it, or it is no longer queued
 */
export async function claimTask (dir: string, id: string, by: ClaimHolder): Promise<ClaimedTask | undefined> {
  const claim: Claim = { by, nonce: randomBytes(16).toString('hex') }
  if (!await createExclusive(dir, fileName(id, 'claim'), JSON.stringify(claim), { sync: false })) return undefined
  const release = () => releaseClaim(dir, id, claim.nonce)
  try {
    const task = await readTask(dir, id)
    if (task?.status === 'queued') return { claim, task, release }
  } catch (error) {
    await release()
    throw error
  }
  await release()
  return undefined
}

async function releaseClaim (dir: string, id: string, nonce: string): Promise<void> {
  const claim = await readClaim(dir, id)
  if (claim?.nonce === nonce) await removeFile(join(dir, fileName(id, 'claim')))
}

/** Undefined: there is none, or it is not complete yet (a mount without links). */
export async function readClaim (dir: string, id: string): Promise<Claim | undefined> {
  const value = await readJson(join(dir, fileName(id, 'claim')))
  if (typeof value !== 'object' || value === null) return undefined
  const { by, nonce } = value as Record<string, unknown>
  return (by === 'processor' || by === 'cancel') && typeof nonce === 'string' ? { by, nonce } : undefined
}

/** Reads the marker: a request to cancel the task, or a pending deletion. */
export async function readCancelMarker (dir: string, id: string): Promise<'cancel' | 'delete' | undefined> {
  try {
    const value = await readJson(join(dir, fileName(id, 'cancel')))
    if (value === undefined) return undefined
    return (value as { delete?: unknown } | null)?.delete === true ? 'delete' : 'cancel'
  } catch (error) {
    // treat anything else by that name as a cancellation request
    if (error instanceof UnreadableFile) return 'cancel'
    throw error
  }
}

/** Undefined where there is no such file; null where it is not JSON. */
async function readJson (path: string): Promise<unknown> {
  const file = await ifExists(readText(path, MAX_SIDE_BYTES))
  if (file === undefined) return undefined
  try {
    return JSON.parse(file.text)
  } catch {
    return null
  }
}

/** A task's present state on disk; undefined where there is no file. */
export async function readTask (dir: string, id: string): Promise<StoredTask | undefined> {
  return (await ifExists(readTaskFile(dir, id)))?.task
}

export interface ChangeOptions extends PutOptions {
  /** The task as the caller has just read it. Default: it is read. */
  readonly current?: StoredTask
}

/**
 * Changes fields of a task and leaves the rest, which belongs to others. Only the claim's holder, or the
 * processor that runs the task, may call it.
 * @returns undefined: the file is gone, and stays gone
 */
export async function changeTask (dir: string, id: string, fields: Partial<Task>, options: ChangeOptions = {}): Promise<Task | undefined> {
  const current = options.current ?? await readTask(dir, id)
  if (current === undefined) return undefined
  const task = { ...current.task, ...fields }
  await replaceFile(dir, fileName(id, 'json'), formatTask(task), options)
  return task
}

export function formatTask (task: Task): string {
  const pretty = JSON.stringify(task, null, 2) + '\n'
  // indented, a task that could be read may become too large to be read again
  return Buffer.byteLength(pretty) <= MAX_TASK_BYTES ? pretty : JSON.stringify(task) + '\n'
}

/**
 * Writes the final status, then removes the cancel marker, which has been honoured or came too late.
 * @returns undefined: it was deleted meanwhile, and what was left of it is gone
 */
export async function finishTask (dir: string, id: string, fields: Partial<Task> & Pick<Task, 'status'>, options: ChangeOptions = {}): Promise<Task | undefined> {
  const task = await changeTask(dir, id, { completedAt: new Date().toISOString(), ...fields }, options)
  const marker = await readCancelMarker(dir, id)
  if (marker === 'delete') {
    // the write above was the holder's last one, and may have crossed the deletion
    await removeFiles(dir, id, { keepMarker: false })
    return undefined
  }
  if (marker !== undefined) await removeCancelMarker(dir, id)
  return task
}

/** Removes the wish to cancel. One to delete outlives its task: it is for whoever may still write the task. */
export async function removeCancelMarker (dir: string, id: string): Promise<void> {
  if (await readCancelMarker(dir, id) === 'cancel') await removeFile(join(dir, fileName(id, 'cancel')))
}

/**
 * Ends a queued task that the caller holds the claim of.
 * @returns undefined: it was deleted meanwhile
 */
export async function cancelClaimed (dir: string, id: string): Promise<Task | undefined> {
  return await finishTask(dir, id, { status: 'cancelled', errorMessage: CANCELLED_BEFORE_START })
}

/**
 * Cancels: the durable wish first, then, where the task is queued and nobody else took it, the state.
 * - `cancelled`: it never started, and never will
 * - `requested`: whoever runs it will stop it
 * - `ended`: too late
 * - `missing`: there is no such task
 */
export async function cancelTask (dir: string, id: string): Promise<'cancelled' | 'requested' | 'ended' | 'missing'> {
  const before = await ifReadable(readTask(dir, id))
  if (before === undefined || await readCancelMarker(dir, id) === 'delete') return 'missing'
  if (before !== 'unreadable' && !isActive(before.status)) return 'ended'
  // never overwrite an existing marker: it is either equivalent or a pending deletion
  await createExclusive(dir, fileName(id, 'cancel'), '{}\n')
  const taken = await ifReadable(claimTask(dir, id, 'cancel'))
  if (typeof taken === 'object') {
    const task = await cancelClaimed(dir, id)
    await taken.release()
    return task === undefined ? 'missing' : 'cancelled'
  }
  const now = await ifReadable(readTask(dir, id))
  // unreadable: somebody is writing it, so somebody runs it
  if (now === 'unreadable' || isActive(now?.status)) return 'requested'
  // it ended while the marker was written, perhaps by another wish to stop it: the marker has nothing left to say
  await removeCancelMarker(dir, id)
  return now === undefined ? 'missing' : now.status === 'cancelled' ? 'cancelled' : 'ended'
}

/**
 * Removes all files of a task. A marker that says so is written first and removed last, so that a crash at any point
 * leaves a deletion that anyone can finish; where a processor may hold the task, the marker stays for it.
 * @returns `active`: it is queued or running, and `force` is false
 */
export async function deleteTask (dir: string, id: string, { force }: { force: boolean }): Promise<'removed' | 'active' | 'missing'> {
  const task = await ifReadable(readTask(dir, id))
  if (task === undefined) return 'missing'
  const active = task === 'unreadable' || isActive(task.status)
  if (active && !force) return 'active'
  try {
    await replaceFile(dir, fileName(id, 'cancel'), '{"delete": true}\n')
  } catch (error) {
    // deleting must work on a full disk; a crash at this point would leave the log behind
    if (active || !['ENOSPC', 'EDQUOT'].includes(errorCode(error))) throw error
  }
  const taken = active ? await ifReadable(claimTask(dir, id, 'cancel')) : undefined
  const held = active && typeof taken !== 'object'
  await removeFiles(dir, id, { keepMarker: held })
  return 'removed'
}

/** The files in the order in which a reader is never misled: the task first, the marker last. */
export async function removeFiles (dir: string, id: string, { keepMarker }: { keepMarker: boolean }): Promise<void> {
  for (const kind of ['json', 'log', 'claim'] as const) await removeFile(join(dir, fileName(id, kind)))
  if (!keepMarker) await removeFile(join(dir, fileName(id, 'cancel')))
}

/** Waits for a file to be read; `unreadable` where it is there, but can't be used (now). */
export async function ifReadable<T> (reading: Promise<T>): Promise<T | 'unreadable'> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof UnreadableFile || errorCode(error) === 'EACCES') return 'unreadable'
    throw error
  }
}
