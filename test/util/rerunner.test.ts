import t from 'tap'
import { Rerunner } from '../../lib/util/single-flight.ts'

/** A Rerunner whose runs end when the test calls the functions in `ends`. */
function controlledRerunner (): { rerunner: Rerunner, ends: Array<() => void>, afterRuns: Array<() => void> } {
  const ends: Array<() => void> = []
  const afterRuns: Array<() => void> = []
  const rerunner = new Rerunner(async () => {
    await new Promise<void>((resolve) => ends.push(resolve))
    afterRuns.shift()?.()
  })
  return { rerunner, ends, afterRuns }
}

/** Lets all promises settle that wait for nothing else. */
async function settle (): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

t.test('Rerunner.request() starts a run before it returns', async (t) => {
  const { rerunner, ends } = controlledRerunner()
  const request = rerunner.request()
  t.equal(ends.length, 1)
  ends[0]!()
  await request
})

t.test('several requests during a run lead to one further run', async (t) => {
  const { rerunner, ends } = controlledRerunner()
  const first = rerunner.request()
  const others = [rerunner.request(), rerunner.request(), rerunner.request()]
  t.equal(ends.length, 1, 'runs do not overlap')
  ends[0]!()
  await settle()
  t.equal(ends.length, 2)
  ends[1]!()
  await Promise.all([first, ...others])
  await settle()
  t.equal(ends.length, 2)
})

t.test('a request during a run resolves only after the further run', async (t) => {
  const { rerunner, ends } = controlledRerunner()
  rerunner.request()
  let isResolved = false
  const second = rerunner.request().then(() => { isResolved = true })
  ends[0]!()
  await settle()
  t.equal(isResolved, false)
  ends[1]!()
  await second
  t.equal(isResolved, true)
})

t.test('a request in the last step of a run leads to a further run', async (t) => {
  const { rerunner, ends, afterRuns } = controlledRerunner()
  afterRuns.push(() => { rerunner.request() })
  rerunner.request()
  ends[0]!()
  await settle()
  t.equal(ends.length, 2)
  ends[1]!()
  await rerunner.idle()
})

for (let microtasks = 0; microtasks <= 5; microtasks++) {
  t.test(`a request ${microtasks} microtasks after the end of a run leads to a further run`, async (t) => {
    const { rerunner, ends } = controlledRerunner()
    rerunner.request()
    ends[0]!()
    for (let count = 0; count < microtasks; count++) await null
    const second = rerunner.request()
    await settle()
    t.equal(ends.length, 2)
    ends[1]!()
    await second
  })
}

t.test('a request in a continuation of a run leads to a further run', async (t) => {
  const { rerunner, ends } = controlledRerunner()
  const second = rerunner.request().then(() => rerunner.request())
  ends[0]!()
  await settle()
  t.equal(ends.length, 2)
  ends[1]!()
  await second
})

t.test('Rerunner.idle() resolves after the further run that was requested', async (t) => {
  const { rerunner, ends } = controlledRerunner()
  await rerunner.idle()
  rerunner.request()
  rerunner.request()
  let isIdle = false
  const idle = rerunner.idle().then(() => { isIdle = true })
  ends[0]!()
  await settle()
  t.equal(isIdle, false)
  ends[1]!()
  await idle
  t.equal(ends.length, 2)
})
