import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the build writes the page's files: beside this module, in the built package. */
const BUILT = new URL('./page/', import.meta.url)

/** Content types by file extension. Files with another extension are not served. */
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

/** Names of the files that the page loads first. */
export interface EntryFiles {
  readonly script: string
  readonly style: string
  /** The SharedWorker of all the browser's pages. */
  readonly worker: string
}

export interface Assets {
  readonly entry: EntryFiles
  /** Keyed by name; only these files are served. */
  readonly files: ReadonlyMap<string, Asset>
}

/**
 * Reads the page's files, which the build has compressed.
 * @throws the file system's error if the package was not built
 */
export async function readAssets (): Promise<Assets> {
  const names = await readdir(BUILT)
  const files = new Map<string, Asset>()
  for (const name of names) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const [identity, gzip, br] = await Promise.all([readBuilt(name), readBuilt(`${name}.gz`), readBuilt(`${name}.br`)])
    files.set(name, { type, bodies: { identity, gzip, br } })
  }
  return { entry: JSON.parse(String(await readBuilt('entry.json'))), files }
}

async function readBuilt (name: string): Promise<Buffer> {
  return await readFile(fileURLToPath(new URL(name, BUILT)))
}

/** The best encoding that an `Accept-Encoding` header allows (RFC 9110, 12.5.3). */
export function encodingFor (acceptEncoding = ''): Encoding {
  const isRejected = /^q=0(\.0+)?$/
  const accepted = acceptEncoding.toLowerCase().split(',').map((part) => part.split(';').map((piece) => piece.trim()))
    .filter(([, quality = '']) => !isRejected.test(quality))
    .map(([name]) => name)
  return accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : 'identity'
}
