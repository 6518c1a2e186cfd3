import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFrom } from '../random.ts'
import { randomShape } from '../random-json.ts'
import { taskText } from '../task-files.ts'
import { Child } from './child.ts'
import { makeDirectory, type Figure } from './lab.ts'
import { peakMiB } from './memory.ts'
import type { ServerReady } from './server.ts'

const FILES = 200
const MAX_BYTES = 1024 * 1024
const HEAP_MB = 256
const PAGE = 10
const LIMIT_MS = 120_000
/** Kinds of which each byte costs much memory when it is parsed, or when it is text. */
const KINDS = ['equal elements', 'equal elements', 'objects with keys of their own', 'distinct keys', 'short numbers', 'short strings', 'rows', 'one string', 'strings with escapes', 'numeric keys, sparse']

/** Many large files under a small heap: the server starts, lists them by pages, and serves each. */
export async function heap (): Promise<Figure[]> {
  const name = `${FILES} files of 1 MiB, heap of ${HEAP_MB} MB`
  const { dir, ids } = makeLargeTasks()
  const started = performance.now()
  let server: Child<ServerReady> | undefined
  const within = { signal: AbortSignal.timeout(LIMIT_MS) }
  const seen = { paged: 0, served: 0, listed: 0 }
  let problem = ''
  try {
    server = await Child.start<ServerReady>('./server.ts', { dir }, [`--max-old-space-size=${HEAP_MB}`])
    const url = `${server.ready.url}/api/tasks`
    for (let next: string | undefined = `?limit=${PAGE}`; next !== undefined;) {
      const response: Response = await fetch(`${url}${next}`, within)
      seen.paged += countTasks(Buffer.from(await response.arrayBuffer()))
      next = /(\?[^>]*)>/.exec(response.headers.get('link') ?? '')?.[1]
    }
    for (const id of ids) {
      const response = await fetch(`${url}/${id}`, within)
      if ((await response.arrayBuffer()).byteLength > MAX_BYTES - 2000) seen.served++
    }
    seen.listed = countTasks(Buffer.from(await (await fetch(url, within)).arrayBuffer()))
  } catch (error) {
    problem = `; ${server === undefined ? 'it did not start' : String((error as Error).cause ?? error)}`
  }
  const seconds = (performance.now() - started) / 1000
  const peak = problem === '' ? `; peak ${peakMiB(server!.pid).toFixed(0)} MB, ${seconds.toFixed(1)} s` : problem
  await server?.kill()
  const all = [FILES, FILES, FILES].join()
  return [{
    name,
    figure: `${seen.paged} in pages, ${seen.served} one by one, ${seen.listed} in one list${peak}`,
    wanted: `${FILES} each`,
    ok: Object.values(seen).join() === all
  }]
}

function makeLargeTasks (): { dir: string, ids: string[] } {
  const dir = makeDirectory()
  const random = randomFrom(1)
  const ids = Array.from({ length: FILES }, (_, index) => `task_${Date.now() - index}_large`)
  for (const [index, id] of ids.entries()) {
    const head = taskText(id, { status: 'completed', type: 'large', app: null }).replace(/\n}$/, ',"config":')
    // the first kind is an array of empty objects
    const text = index % KINDS.length === 0 ? `[${'{},'.repeat(349_000)}{}]` : randomShape(random, MAX_BYTES - 400, KINDS[index % KINDS.length]).text
    writeFileSync(join(dir, `${id}.json`), `${head}${text}}`)
  }
  return { dir, ids }
}

/** The number of tasks in a list, without parsing it. */
function countTasks (list: Buffer): number {
  let count = 0
  for (let at = list.indexOf('_large"'); at !== -1; at = list.indexOf('_large"', at + 1)) count++
  return count
}
