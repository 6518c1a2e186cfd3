import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const PAGE = join(import.meta.dirname, '../../../lib/dashboard/page')
/** The worker's entry, declarations, and importers of xterm.js, whose CommonJS exports only the bundler can import by name. */
const EXCLUDED = ['feed/worker.ts', 'css.d.ts', 'log/terminal.ts', 'log/log-screen.ts', 'log/log-view.ts']

// components are in .tsx files, which tests in Node.js do not import
t.test('importing a module of the page needs no browser', async (t) => {
  const names = readdirSync(PAGE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !EXCLUDED.includes(name))
  t.ok(names.length > 20, `found ${names.length} modules`)
  for (const name of names) await t.resolves(import(join(PAGE, name)), name)
})
