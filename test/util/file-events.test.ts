import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FileEvents } from '../../lib/util/file-events.ts'
import { waitFor } from '../wait-for.ts'

/** File events that collect what they report. */
class CollectedEvents {
  readonly names: Array<string | null> = []
  readonly lost: string[] = []
  readonly events = new FileEvents((name) => { this.names.push(name) }, (code) => { this.lost.push(code) })

  constructor (t: Test) {
    t.teardown(() => this.events.close())
  }

  /** Waits until a file event with this name has arrived. */
  async until (name: string): Promise<void> {
    await waitFor(() => this.names.includes(name), { timeout: 10_000, every: 1, describe: () => ({ name, names: this.names, lost: this.lost }) })
  }
}

t.test('FileEvents reports the name of a created file', async (t) => {
  const dir = t.testdir()
  const collected = new CollectedEvents(t)
  collected.events.attach(dir)
  t.equal(collected.events.attached, true)
  writeFileSync(join(dir, 'file'), '')
  await collected.until('file')
  t.strictSame(collected.lost, [])
})

t.test('FileEvents.attach() reports a missing directory as lost', async (t) => {
  const collected = new CollectedEvents(t)
  collected.events.attach(join(t.testdir(), 'none'))
  t.strictSame(collected.lost, ['ENOENT'])
  t.equal(collected.events.attached, false)
})

t.test('FileEvents.attach() replaces the watched directory', async (t) => {
  const dir = t.testdir({ first: {}, second: {} })
  const collected = new CollectedEvents(t)
  collected.events.attach(join(dir, 'first'))
  collected.events.attach(join(dir, 'second'))
  writeFileSync(join(dir, 'first', 'old'), '')
  writeFileSync(join(dir, 'second', 'new'), '')
  await collected.until('new')
  t.notOk(collected.names.includes('old'), 'the first directory is not watched any more')
})

/** The number of inotify watches of this process. */
function countWatches (): number {
  const texts = readdirSync('/proc/self/fdinfo').map((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      // the descriptor of the listing itself
      return ''
    }
  })
  return texts.join('').match(/^inotify wd/gm)?.length ?? 0
}

t.test('FileEvents.attach() releases the watch on the previous directory', { skip: process.platform !== 'linux' && 'it reads /proc' }, async (t) => {
  const dir = t.testdir({ first: {}, second: {} })
  const { events } = new CollectedEvents(t)
  events.attach(join(dir, 'first'))
  const watches = countWatches()
  t.ok(watches > 0, `there are ${watches} inotify watches`)
  events.attach(join(dir, 'second'))
  t.equal(countWatches(), watches)
})

t.test('FileEvents.attach() works after a failed attempt', async (t) => {
  const dir = t.testdir()
  const collected = new CollectedEvents(t)
  collected.events.attach(join(dir, 'none'))
  collected.events.attach(dir)
  writeFileSync(join(dir, 'file'), '')
  await collected.until('file')
})

t.test('FileEvents reports nothing after close()', async (t) => {
  const dir = t.testdir()
  const [closed, open] = [new CollectedEvents(t), new CollectedEvents(t)]
  closed.events.attach(dir)
  open.events.attach(dir)
  closed.events.close()
  t.equal(closed.events.attached, false)
  writeFileSync(join(dir, 'file'), '')
  await open.until('file')
  t.strictSame(closed.names, [])
})

t.test('FileEvents.close() may be called without attach(), and again', async (t) => {
  const { events } = new CollectedEvents(t)
  events.close()
  events.close()
  t.equal(events.attached, false)
})

t.test('FileEvents reports a name once for many events that the system reports at the same time', async (t) => {
  const dir = t.testdir({ first: '', second: '' })
  const collected = new CollectedEvents(t)
  collected.events.attach(dir)
  for (let change = 0; change < 1000; change++) {
    for (const name of ['first', 'second']) utimesSync(join(dir, name), change, change)
  }
  writeFileSync(join(dir, 'last'), '')
  await collected.until('last')
  t.strictSame(collected.names.filter((name) => name !== 'last'), ['first', 'second'])
})

t.test('FileEvents reports null when the system may have dropped events', { skip: process.platform !== 'linux' && 'it is about inotify' }, async (t) => {
  const dir = t.testdir({ first: '', second: '' })
  const collected = new CollectedEvents(t)
  collected.events.attach(dir)
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  for (let change = 0; change <= limit / 2; change++) {
    for (const name of ['first', 'second']) utimesSync(join(dir, name), change, change)
  }
  writeFileSync(join(dir, 'dropped'), '')
  await waitFor(() => collected.names.includes(null), { describe: () => collected.names })
  t.notOk(collected.names.includes('dropped'), 'the queue was full')
})

t.test('FileEvents yields to the event loop while it reports many names', async (t) => {
  const dir = t.testdir()
  const names: Array<string | null> = []
  let turns = 0
  const events = new FileEvents((name) => {
    names.push(name)
    const end = performance.now() + 1
    while (performance.now() < end);
  }, () => {})
  t.teardown(() => events.close())
  events.attach(dir)
  for (let file = 0; file < 50; file++) writeFileSync(join(dir, `file${file}`), '')
  const count = () => { turns++; if (names.length < 50) setImmediate(count) }
  setImmediate(count)
  await waitFor(() => names.length >= 50, { every: 1, describe: () => names })
  t.ok(turns >= 8, `the event loop had ${turns} turns in ${names.length} reports of 1 ms`)
})
