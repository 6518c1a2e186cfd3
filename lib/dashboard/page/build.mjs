// Bundles the page into dist/dashboard/page. Names of files change with their content; compressed copies are next to them.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../../..')
const outdir = join(root, 'dist/dashboard/page')

const { metafile, outputFiles } = await build({
  entryPoints: ['main.tsx', 'feed/worker.ts'].map((name) => join(here, name)),
  absWorkingDir: root,
  outdir,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  tsconfig: join(here, 'tsconfig.json'),
  metafile: true,
  write: false
})

/** Name of the output file of an entry point. */
function outputOf (source, extension = '.js') {
  const [, output] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === `lib/dashboard/page/${source}`)
  if (extension === '.css') return basename(output.cssBundle)
  return basename(Object.keys(metafile.outputs).find((name) => metafile.outputs[name] === output))
}

/** The licenses of all bundled packages. */
async function licenses () {
  const packages = new Set(Object.keys(metafile.inputs).map((name) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1]).filter(Boolean))
  const texts = []
  for (const name of [...packages].sort()) {
    const { version, license } = JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'))
    const text = await readFirst(['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license'].map((file) => join(root, 'node_modules', name, file)))
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`)
  }
  return Buffer.from(texts.join(`\n${'-'.repeat(80)}\n\n`))
}

async function readFirst ([path, ...others]) {
  if (path === undefined) return ''
  return await readFile(path, 'utf8').catch(() => readFirst(others))
}

/** Writes a file and its compressed copies. */
async function writeAsset (name, contents) {
  await Promise.all([
    writeFile(join(outdir, name), contents),
    promisify(gzip)(contents, { level: 9 }).then((bytes) => writeFile(join(outdir, `${name}.gz`), bytes)),
    promisify(brotliCompress)(contents, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } })
      .then((bytes) => writeFile(join(outdir, `${name}.br`), bytes))
  ])
}

await mkdir(outdir, { recursive: true })
await Promise.all(outputFiles.map(({ path, contents }) => writeAsset(basename(path), contents)))
await writeAsset('licenses.txt', await licenses())
await writeFile(join(outdir, 'entry.json'), JSON.stringify({
  script: outputOf('main.tsx'), style: outputOf('main.tsx', '.css'), worker: outputOf('feed/worker.ts')
}))
