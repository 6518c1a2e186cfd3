import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { listNames } from '../../lib/directory/watch/list-names.ts'
import { temporaryDirectory } from '../helpers.ts'

for (const mayBlock of [true, false]) {
  t.test(`listNames({ mayBlock: ${mayBlock} }) returns all names`, async (t) => {
    const dir = await temporaryDirectory(t)
    t.strictSame(await listNames(dir, { mayBlock }), [])
    // more than are read at once
    const names = Array.from({ length: 5000 }, (_, index) => `${index}.json`)
    await Promise.all(names.map((name) => writeFile(join(dir, name), '')))
    await mkdir(join(dir, 'a directory'))
    t.strictSame(new Set(await listNames(dir, { mayBlock })), new Set([...names, 'a directory']))
    await t.rejects(listNames(join(dir, 'missing'), { mayBlock }), { code: 'ENOENT' })
  })
}
