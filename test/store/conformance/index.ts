import type { Test } from 'tap'
import { cancelTests } from './cancel.ts'
import { createTests } from './create.ts'
import { deleteTests } from './delete.ts'
import { listTests } from './list.ts'
import { openStoreOf, silentLogger, type MakeStore } from './open-store.ts'
import { readLogTests } from './read-log.ts'
import { sinceTests } from './since.ts'
import { subscribeTests } from './subscribe.ts'

/** Tests of the `TaskStore` interface, which run unchanged against every store. */
export function conformance (t: Test, makeStore: MakeStore): void {
  const open = openStoreOf(makeStore)
  createTests(t, open)
  listTests(t, open)
  cancelTests(t, open)
  deleteTests(t, open)
  readLogTests(t, open)
  subscribeTests(t, open)
  sinceTests(t, open)

  t.test('get returns a task, or undefined', async (t) => {
    const { store } = await open(t)
    const { task } = await store.create({ command: 'true' })
    t.same((await store.get(task.id))?.json, task.json)
    t.equal(await store.get('task_1_missing'), undefined)
    t.equal(await store.get('../x'), undefined)
  })

  t.test('types are empty until a processor publishes some', async (t) => {
    const { store, publish } = await open(t)
    t.strictSame(await store.types(), { types: [], anyType: false })
    for (const published of [{ types: [{ name: 'b', config: { type: 'object' } }, { name: 'a', shell: true as const }], anyType: false }, { types: [], anyType: true }]) {
      await publish(published)
      t.strictSame(await store.types(), published)
    }
  })

  t.test('a closed store can be opened again and has the same tasks', async (t) => {
    const { store } = await makeStore(t)
    await store.open({ log: silentLogger })
    const { task } = await store.create({ command: 'true' })
    await store.close()
    await store.open({ log: silentLogger })
    t.teardown(() => store.close())
    t.same((await store.get(task.id))?.json, task.json)
  })

  t.test('health reports whether a processor is alive', async (t) => {
    const { store } = await open(t)
    t.type((await store.health()).processorAlive, 'boolean')
  })
}
