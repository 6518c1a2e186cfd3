import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { claimTask, readClaim, removeClaim } from '../../lib/protocol/claim.ts'
import { tasksDirectory } from '../../lib/protocol/tasks-directory.ts'
import type { Trial } from './fixtures/claim-racer.ts'
import { compilePrograms, forkPlain } from './fixtures/programs.ts'
import { before } from './fixtures/system-calls.ts'
import { ID, names, taskIn, writeClaim, writeTask } from './fixtures/task-files.ts'

const program = compilePrograms(t)
const JSON_NAME = `${ID}.json`
const CLAIM_NAME = `${ID}.claim`

t.test('only one claimant gets a queued task until it releases the claim', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  const results = await Promise.all(Array.from({ length: 20 }, () => claimTask(tasksDirectory(dir), ID, 'processor')))
  const [claimed, ...others] = results.filter((result) => result !== undefined)
  t.strictSame(others, [])
  t.strictSame(await readClaim(tasksDirectory(dir), ID), claimed!.claim)
  t.equal(claimed!.task.id, ID)
  await claimed!.release()
  t.ok(await claimTask(tasksDirectory(dir), ID, 'cancel'), 'the task can be claimed again')
})

t.test('claimTask() reads the task again after creating the claim', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  before(t, 'link', () => writeTask(dir, { status: 'completed' }))
  t.equal(await claimTask(tasksDirectory(dir), ID, 'processor'), undefined)
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('claimTask() returns undefined for a missing task and leaves no claim', async (t) => {
  const dir = t.testdir()
  t.equal(await claimTask(tasksDirectory(dir), ID, 'processor'), undefined)
  t.strictSame(names(dir), [])
})

for (const status of ['running', 'completed', 'failed', 'cancelled', 'paused']) {
  t.test(`claimTask() returns undefined for a task that is ${status} and leaves no claim`, async (t) => {
    const dir = t.testdir()
    writeTask(dir, { status })
    t.equal(await claimTask(tasksDirectory(dir), ID, 'processor'), undefined)
    t.strictSame(names(dir), [JSON_NAME])
  })
}

t.test('claimTask() rejects for an unreadable task and leaves no claim', async (t) => {
  const dir = t.testdir({ [JSON_NAME]: '{' })
  await t.rejects(claimTask(tasksDirectory(dir), ID, 'processor'), { code: 'UNREADABLE' })
  t.strictSame(names(dir), [JSON_NAME])
})

t.test('release() keeps a claim with another nonce', async (t) => {
  const dir = t.testdir()
  writeTask(dir)
  const claimed = await claimTask(tasksDirectory(dir), ID, 'processor')
  writeClaim(dir, 'cancel')
  await claimed!.release()
  t.strictSame(await readClaim(tasksDirectory(dir), ID), { by: 'cancel', nonce: 'x' })
})

for (const text of ['', '{"by": "proc', '[]', 'null', '{"by": "other", "nonce": "x"}', '{"by": "cancel"}']) {
  t.test(`readClaim() returns undefined for ${JSON.stringify(text)}`, async (t) => {
    const dir = t.testdir()
    writeFileSync(join(dir, CLAIM_NAME), text)
    t.equal(await readClaim(tasksDirectory(dir), ID), undefined)
  })
}

t.test('removeClaim() returns whether there was a claim', async (t) => {
  const dir = t.testdir()
  writeClaim(dir, 'processor')
  t.equal(await removeClaim(tasksDirectory(dir), ID), true)
  t.equal(await removeClaim(tasksDirectory(dir), ID), false)
})

t.test('of a processor and a cancellation that race for a task, exactly one wins, 500 times', { timeout: 60_000 }, async (t) => {
  const dir = t.testdir()
  const racers = ['processor', 'canceller'].map((role) => forkPlain(program('claim-racer'), [dir, role]))
  t.teardown(() => racers.forEach((racer) => racer.kill()))
  await Promise.all(racers.map((racer) => once(racer, 'message')))
  const wins = { ran: 0, cancelled: 0 }
  // a cancellation writes its marker before its claim: with this head start, both win about as often
  let headStart = 1000
  const wrong: string[] = []
  for (let trial = 0; trial < 500; trial++) {
    const id = `task_${trial}_a`
    writeTask(dir, {}, id)
    const answers = racers.map((racer) => once(racer, 'message'))
    racers[0]!.send({ id, delayMicroseconds: headStart + Math.random() * 500 } satisfies Trial)
    racers[1]!.send({ id, delayMicroseconds: Math.random() * 500 } satisfies Trial)
    const [[processor], [canceller]] = await Promise.all(answers) as [[string], [string]]
    const { status } = taskIn(dir, id)
    const ran = processor === 'ran' && status === 'completed' && canceller !== 'cancelled'
    const cancelled = processor === 'not claimed' && status === 'cancelled' && canceller === 'cancelled'
    headStart = Math.max(0, headStart + (ran ? 100 : -100))
    if (ran) wins.ran++
    else if (cancelled) wins.cancelled++
    else wrong.push(`${id}: processor ${processor}, canceller ${canceller}, status ${status}`)
  }
  t.strictSame(wrong, [])
  t.comment(wins)
  t.ok(wins.ran > 10 && wins.cancelled > 10, `each side won more than 10 times (${JSON.stringify(wins)})`)
  t.strictSame(names(dir).filter((name) => !name.endsWith('.json')), [], 'no claim or marker is left')
})
