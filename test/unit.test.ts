// Runs the tests of small modules in one process: each takes a few ms, but a process of its own half a second.
// `.taprc` excludes them; each file can still be run by itself: npx tap test/util/bisect.test.ts
import { readdirSync } from 'node:fs'

for (const folder of ['util', 'shared', 'log', 'dashboard/page']) {
  const url = new URL(`${folder}/`, import.meta.url)
  const names = readdirSync(url).filter((name) => name.endsWith('.test.ts')).sort()
  for (const name of names) await import(new URL(name, url).href)
}
