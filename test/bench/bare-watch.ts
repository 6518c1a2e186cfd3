import { watch } from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

/** Baseline of the watcher: one `fs.watch`, and a read of each file that it names. */
export function watchBare (dir: string, { onLog, onTask }: { onLog: (text: string) => void, onTask: (task: any) => void }): () => void {
  const busy = new Map<string, boolean>()
  const cursors = new Map<string, number>()
  const watcher = watch(dir, async (_type, name) => {
    if (name === null || name.startsWith('.')) return
    if (busy.has(name)) return busy.set(name, true)
    do {
      busy.set(name, false)
      if (name.endsWith('.log')) onLog(await readNew(name))
      else onTask(JSON.parse(await readFile(join(dir, name), 'utf8')))
    } while (busy.get(name))
    busy.delete(name)
  })
  return () => watcher.close()

  async function readNew (name: string): Promise<string> {
    const file: FileHandle = await open(join(dir, name))
    try {
      const cursor = cursors.get(name) ?? 0
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(64 * 1024), position: cursor })
      cursors.set(name, cursor + bytesRead)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  }
}
