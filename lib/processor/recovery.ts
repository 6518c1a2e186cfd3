import { join } from 'node:path'
import { fileName, parseFileName, removeFile, type FileKind } from '../directory/files.ts'
import { readClaim, readMarker, readTask } from '../directory/transitions.ts'
import { isTerminal } from '../task.ts'
import { writeEnd, type EndContext } from './task-end.ts'

/** The ids that have a file of one of these kinds. */
export function idsWith (kinds: FileKind[], names: Iterable<string>): string[] {
  const ids = new Set<string>()
  for (const name of names) {
    const file = parseFileName(name)
    if (file !== undefined && kinds.includes(file.kind)) ids.add(file.id)
  }
  return [...ids]
}

/**
 * Settles what an earlier processor of this directory left when it died. The lock must be held: then nobody else's
 * processor claims a task or runs one.
 * @param names the directory's
 * @param running the tasks whose files say so
 */
export async function recover (context: EndContext, names: Iterable<string>, running: Iterable<string>): Promise<void> {
  for (const id of running) {
    await attempt(context, id, async () => {
      context.logger.warn(`${id}: the processor that ran it is gone`)
      await writeEnd(context, id, await readMarker(context.dir, id) === undefined
        ? { status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.' }
        : { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
    })
  }
  for (const id of idsWith(['claim'], names)) await attempt(context, id, () => settleClaim(context.dir, id))
}

/** A task that is still queued never started, and is taken again; a task that has ended needs no claim. */
async function settleClaim (dir: string, id: string): Promise<void> {
  const status = (await readTask(dir, id))?.status
  const abandoned = status === 'queued' && (await readClaim(dir, id))?.by === 'processor'
  if (abandoned || isTerminal(status)) await removeFile(join(dir, fileName(id, 'claim')))
}

async function attempt ({ logger }: EndContext, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    logger.warn(`${id}: can't be recovered: ${(error as Error).message}`)
  }
}
