import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the build puts the page's files: beside this one, in the built package. */
const BUILT = new URL('./page/', import.meta.url)

const TYPES: Partial<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8'
}

export type Encoding = 'br' | 'gzip' | 'identity'

export interface Asset {
  readonly type: string
  readonly bodies: Readonly<Record<Encoding, Buffer>>
}

/** The names of the files that the page begins with. */
export interface Entry {
  readonly script: string
  readonly style: string
  /** Of the worker that all pages of a browser share. */
  readonly worker: string
}

export interface Assets {
  readonly entry: Entry
  /** Keyed by name; only these files are served. */
  readonly files: ReadonlyMap<string, Asset>
}

/**
 * The page's files, which were compressed when they were built.
 * @throws the system's error where the package was not built
 */
export async function readAssets (): Promise<Assets> {
  const names = await readdir(BUILT)
  const files = new Map<string, Asset>()
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const [identity, gzip, br] = await Promise.all(['', '.gz', '.br'].map((suffix) => readFile(fileURLToPath(new URL(name + suffix, BUILT)))))
    files.set(name, { type, bodies: { identity: identity!, gzip: gzip!, br: br! } })
  }
  return { entry: JSON.parse(await readFile(new URL('entry.json', BUILT), 'utf8')), files }
}

/** The best that a client takes (RFC 9110, 12.5.3). */
export function encodingFor (accepted = ''): Encoding {
  const refused = /^q=0(\.0+)?$/
  const taken = accepted.toLowerCase().split(',').map((part) => part.split(';').map((piece) => piece.trim()))
    .filter(([, quality = '']) => !refused.test(quality))
    .map(([name]) => name)
  return taken.includes('br') ? 'br' : taken.includes('gzip') ? 'gzip' : 'identity'
}
