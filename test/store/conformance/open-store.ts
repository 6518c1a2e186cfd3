import type { Test } from 'tap'
import type { Task } from '../../../lib/shared/task-schema.ts'
import type { TaskTypes } from '../../../lib/shared/task-types.ts'
import type { StoreLogger, TaskStore } from '../../../lib/store.ts'
import { Events } from './events.ts'

/** A store that is not open yet, and the actions of a processor on its tasks. */
export interface StoreUnderTest {
  readonly store: TaskStore
  appendLog (taskId: string, text: string): Promise<void>
  setStatus (taskId: string, fields: Partial<Task>): Promise<void>
  publish (types: TaskTypes): Promise<void>
}

/** Makes an empty store. Its resources are released after the test. */
export type MakeStore = (t: Test) => Promise<StoreUnderTest>

/** A store that is open until the test ends, and all its events. */
export type OpenStore = (t: Test) => Promise<StoreUnderTest & { readonly events: Events }>

export const silentLogger: StoreLogger = { debug () {}, info () {}, warn () {}, error () {} }

export function openStoreOf (makeStore: MakeStore): OpenStore {
  return async (t) => {
    const made = await makeStore(t)
    await made.store.open({ log: silentLogger })
    t.teardown(() => made.store.close())
    const events = new Events()
    t.teardown(made.store.subscribe((event) => events.add(event), { logs: true }))
    return { ...made, events }
  }
}
