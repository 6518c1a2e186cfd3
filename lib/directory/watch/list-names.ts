import { opendirSync } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { TimeSlices } from '../../util/time-slices.ts'

/** Names that are read from the directory at once; a list of all of them would block the event loop when it arrives. */
const NAMES_AT_ONCE = 4096

/**
 * The names in a directory.
 * @param mayBlock the directory may be read by blocking calls, in short slices: that takes half of the time
 * @throws the system error
 */
export async function listNames (dir: string, { mayBlock }: { mayBlock: boolean }): Promise<string[]> {
  return await (mayBlock ? listInSlices(dir) : list(dir))
}

async function list (dir: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of await opendir(dir, { bufferSize: NAMES_AT_ONCE })) names.push(name)
  return names
}

async function listInSlices (path: string): Promise<string[]> {
  const names: string[] = []
  const slices = new TimeSlices()
  const dir = opendirSync(path, { bufferSize: NAMES_AT_ONCE })
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
      names.push(entry.name)
      while (slices.isOver) await slices.pause()
    }
  } finally {
    dir.closeSync()
  }
  return names
}
