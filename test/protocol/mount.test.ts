import t from 'tap'
import { isLocalMount } from '../../lib/protocol/mount.ts'

t.test('the file system of this directory is local, procfs and a missing directory are not', { skip: process.platform !== 'linux' && 'only Linux has these types' }, async (t) => {
  t.equal(await isLocalMount(t.testdir()), true)
  t.equal(await isLocalMount('/proc'), false)
  t.equal(await isLocalMount('/nonexistent'), false)
})
