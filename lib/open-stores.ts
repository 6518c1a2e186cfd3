import type { StoreLogger, TaskStore } from './store.ts'

/** Closes the store if this was its last user. Further calls return the promise of the first one. */
export type CloseStore = () => Promise<void>

/** The users of each store. They may belong to different Fastify instances, so no instance can hold the count. */
const usersOfStores = new WeakMap<TaskStore, StoreUsers>()

/**
 * Opens a store for one more user, unless it is open already. Concurrent calls share one `open`, and a call during the last
 * `close` waits for it.
 * @param log used by the store if this call opens it
 * @throws what the store's `open` throws; a later call opens it again
 */
export async function openStore (store: TaskStore, log: StoreLogger): Promise<CloseStore> {
  let users = usersOfStores.get(store)
  if (users === undefined) {
    users = new StoreUsers(store)
    usersOfStores.set(store, users)
  }
  return await users.add(log)
}

class StoreUsers {
  readonly #store: TaskStore
  #count = 0
  /** The `open` that is in progress or has succeeded. */
  #opened: Promise<void> | undefined
  #closed: Promise<void> = Promise.resolve()

  constructor (store: TaskStore) {
    this.#store = store
  }

  async add (log: StoreLogger): Promise<CloseStore> {
    this.#count++
    try {
      await (this.#opened ??= this.#open(log))
    } catch (error) {
      this.#count--
      throw error
    }
    let closed: Promise<void> | undefined
    return () => (closed ??= this.#remove())
  }

  async #open (log: StoreLogger): Promise<void> {
    // a failed `close` concerns its caller only
    await this.#closed.catch(() => {})
    try {
      await this.#store.open({ log })
    } catch (error) {
      this.#opened = undefined
      throw error
    }
  }

  async #remove (): Promise<void> {
    if (--this.#count > 0) return
    this.#opened = undefined
    // a custom store may throw, or return no promise
    this.#closed = (async () => { await this.#store.close() })()
    await this.#closed
  }
}
