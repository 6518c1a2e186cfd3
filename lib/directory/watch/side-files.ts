import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import { fileName } from '../../protocol/file-names.ts'
import { ifExists } from '../../protocol/regular-file.ts'
import type { TasksDirectory } from '../../protocol/tasks-directory.ts'

/** The tasks that have a claim or a cancel marker, as of the last refresh of each. */
export class SideFiles {
  readonly #directory: TasksDirectory
  readonly #ids = new Set<string>()
  /** Tasks with a delete marker. */
  readonly #deleted = new Set<string>()

  constructor (directory: TasksDirectory) {
    this.#directory = directory
  }

  /** Ids of the tasks that have a claim or a cancel marker. */
  get ids (): ReadonlySet<string> {
    return this.#ids
  }

  /** Whether a delete marker exists: the task counts as deleted, whatever its file contains. */
  isDeleted (id: string): boolean {
    return this.#deleted.has(id)
  }

  /** @returns whether a delete marker appeared or disappeared, so that the task file must be refreshed */
  async refresh (id: string): Promise<boolean> {
    const [claim, marker] = await Promise.all([
      ifExists(lstat(join(this.#directory.path, fileName(id, 'claim')))),
      readCancelMarker(this.#directory, id).catch(() => 'cancel' as const)
    ])
    const wasDeleted = this.#deleted.has(id)
    setMember(this.#ids, id, claim !== undefined || marker !== undefined)
    setMember(this.#deleted, id, marker === 'delete')
    return wasDeleted !== (marker === 'delete')
  }
}

function setMember (set: Set<string>, id: string, isMember: boolean): void {
  if (isMember) set.add(id)
  else set.delete(id)
}
