import { readdirSync, watch } from 'node:fs'
import t from 'tap'
import { EventProbe } from '../../lib/directory/watch/event-probe.ts'

t.test('a probe whose file event arrives reports nothing, and leaves no file', async (t) => {
  const dir = t.testdir()
  let isMissing = false
  const probe = new EventProbe(dir, () => { isMissing = true })
  const seen = new Promise<void>((resolve) => {
    const watcher = watch(dir, (_type, name) => {
      probe.see(name!)
      resolve()
    })
    t.teardown(() => watcher.close())
  })
  await probe.start()
  await seen
  t.strictSame(readdirSync(dir), [])
  t.equal(isMissing, false)
})

t.test('a probe without a file event reports that, within seconds', async (t) => {
  const dir = t.testdir()
  await new Promise<void>((resolve) => {
    const probe = new EventProbe(dir, resolve)
    // the timer of the probe keeps no process alive
    const alive = setInterval(() => {}, 1000)
    t.teardown(() => clearInterval(alive))
    probe.start()
    probe.see('.tmp-000000000000000000')
  })
})

t.test('a probe that cannot create its file reports nothing', async () => {
  await new EventProbe('/nonexistent', () => { throw new Error('reported') }).start()
})
