import { renameSync, writeFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

type Fields = Record<string, unknown>

let temporaryCount = 0

/** The content of a task file. A field that is undefined is left out. */
export function taskText (id: string, fields: Fields = {}): string {
  return JSON.stringify({ id, command: 'true', status: 'queued', createdAt: new Date().toISOString(), ...fields }, null, 2)
}

/** Writes a task file as the file contract requires: under a temporary name, then `rename`. */
export async function putTask (dir: string, id: string, fields: Fields = {}): Promise<void> {
  const temporary = temporaryPath(dir, id)
  await writeFile(temporary, taskText(id, fields))
  await rename(temporary, join(dir, `${id}.json`))
}

/** Writes the temporary file now. @returns a function that renames it */
export function prepareTask (dir: string, id: string, fields: Fields = {}): () => void {
  const temporary = temporaryPath(dir, id)
  writeFileSync(temporary, taskText(id, fields))
  return () => renameSync(temporary, join(dir, `${id}.json`))
}

/** Writes a task file in place, for tests that nothing watches. @returns its path */
export function writeTaskFile (dir: string, id: string, fields: Fields = {}): string {
  const path = join(dir, `${id}.json`)
  writeFileSync(path, taskText(id, fields))
  return path
}

function temporaryPath (dir: string, id: string): string {
  return join(dir, `.${id}.${process.pid}-${temporaryCount++}`)
}
