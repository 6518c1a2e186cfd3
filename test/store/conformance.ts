import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { StoreLogger, TaskEvent, TaskStore } from '../../lib/store.ts'
import { isUpTo } from '../../lib/store.ts'
import type { Task } from '../../lib/shared/task-schema.ts'
import type { TaskTypes } from '../../lib/shared/task-types.ts'

/** A store, not open yet, and what a processor does to its tasks. */
export interface StoreUnderTest {
  readonly store: TaskStore
  appendLog (taskId: string, text: string): Promise<void>
  setStatus (taskId: string, fields: Partial<Task>): Promise<void>
  publish (types: TaskTypes): Promise<void>
}

/** Makes an empty store; what it needs is gone after the test. */
export type MakeStore = (t: Test) => Promise<StoreUnderTest>

const log: StoreLogger = { debug () {}, info () {}, warn () {}, error () {} }

/** What every store does; it runs unchanged against each. */
export function conformance (t: Test, makeStore: MakeStore): void {
  const opened = async (t: Test): Promise<StoreUnderTest & { events: Events }> => {
    const made = await makeStore(t)
    await made.store.open({ log })
    t.teardown(() => made.store.close())
    const events = new Events()
    t.teardown(made.store.subscribe((event) => events.add(event), { logs: true }))
    return { ...made, events }
  }

  t.test('create', async (t) => {
    t.test('gives a queued task with defaults', async (t) => {
      const { store } = await opened(t)
      const { task, created } = await store.create({ command: 'true' })
      t.equal(created, true)
      t.match(task.id, /^task_\d+_[a-z0-9]{9,}$/)
      t.equal(task.status, 'queued')
      t.match(task.task, {
        id: task.id,
        command: 'true',
        type: 'custom',
        app: null,
        config: '',
        status: 'queued',
        startedAt: null,
        completedAt: null,
        heartbeatAt: null,
        exitCode: null,
        errorMessage: null
      })
      t.equal(Date.parse(task.task.createdAt), task.createdAt)
      t.equal('timeoutMs' in task.task, false)
      t.same(JSON.parse(task.json), task.task)
      t.notMatch(task.json, /[\r\n]/)
    })

    t.test('keeps what it is given', async (t) => {
      const { store } = await opened(t)
      const input = { id: 'task_1_given', command: 'printf "é\n"', type: 'backup', app: 'files', config: { deep: [1, null, 'x'] }, timeoutMs: 5 }
      const { task } = await store.create(input)
      t.match(task.task, input)
      t.same((await store.get(input.id))?.task, task.task)
    })

    t.test('gives the first task again for the same id', async (t) => {
      const { store, events } = await opened(t)
      const first = await store.create({ id: 'task_1_twice', command: 'first' })
      const second = await store.create({ id: 'task_1_twice', command: 'second' })
      t.equal(second.created, false)
      t.equal(second.task.json, first.task.json)
      await store.create({ id: 'task_2_last', command: 'true' })
      await events.find(upsertOf('task_2_last'))
      t.equal(events.seen.filter(upsertOf('task_1_twice')).length, 1)
    })

    t.test('creates one of many at once', async (t) => {
      const { store } = await opened(t)
      const results = await Promise.all(Array.from({ length: 8 }, (_, index) => store.create({ id: 'task_1_race', command: `${index}` })))
      t.equal(results.filter(({ created }) => created).length, 1)
      t.equal(new Set(results.map(({ task }) => task.json)).size, 1)
    })

    t.test('refuses an id of another form', async (t) => {
      const { store } = await opened(t)
      for (const id of ['', 'task_1', 'task_x_a', 'task_1_../a', 'task_1_a.json', '../task_1_a', `task_1_${'a'.repeat(200)}`]) {
        await t.rejects(store.create({ id, command: 'true' }), { code: 'FST_TASKS_VALIDATION' }, id)
      }
      t.same((await store.list({})).tasks, [])
    })
  })

  t.test('list', async (t) => {
    const many = async (t: Test) => {
      const made = await opened(t)
      for (const number of [1, 2, 3, 4, 5]) await made.store.create({ id: `task_${number}_list`, command: 'true' })
      const all = await made.store.list({})
      return { ...made, all, ids: all.tasks.map(({ id }) => id) }
    }

    t.test('is empty at first', async (t) => {
      const { store } = await opened(t)
      const { tasks, next, lastEventId } = await store.list({})
      t.same(tasks, [])
      t.equal(next, undefined)
      t.match(lastEventId, /^[0-9a-z]{1,20}-[0-9]{1,15}$/)
    })

    t.test('has all tasks, newest first', async (t) => {
      const { all, ids } = await many(t)
      t.same([...ids].sort(), [1, 2, 3, 4, 5].map((number) => `task_${number}_list`))
      t.equal(all.next, undefined)
      const inOrder = all.tasks.every((task, index) => {
        const after = all.tasks[index + 1]
        return after === undefined || task.createdAt > after.createdAt || (task.createdAt === after.createdAt && task.id > after.id)
      })
      t.equal(inOrder, true)
    })

    t.test('comes in pages without overlap', async (t) => {
      const { store, ids } = await many(t)
      const paged: string[] = []
      const sizes: number[] = []
      for (let before: string | undefined, more = true; more;) {
        const { tasks, next } = await store.list({ limit: 2, ...(before !== undefined && { before }) })
        paged.push(...tasks.map(({ id }) => id))
        sizes.push(tasks.length)
        before = next
        more = next !== undefined
      }
      t.same(paged, ids)
      t.same(sizes, [2, 2, 1])
      t.equal((await store.list({ limit: 5 })).next, undefined)
    })

    t.test('returns tasks after `before`', async (t) => {
      const { store, ids } = await many(t)
      t.same((await store.list({ before: ids[2]! })).tasks.map(({ id }) => id), ids.slice(3))
      t.same((await store.list({ before: ids.at(-1)! })).tasks, [])
    })

    t.test('is narrowed to states', async (t) => {
      const { store, setStatus, events, ids } = await many(t)
      await setStatus(ids[0]!, { status: 'running' })
      await setStatus(ids[3]!, { status: 'failed' })
      await events.find(upsertOf(ids[0]!, 'running'))
      await events.find(upsertOf(ids[3]!, 'failed'))
      const list = async (status: readonly Task['status'][], limit?: number) => (
        await store.list({ status, ...(limit !== undefined && { limit }) })).tasks.map(({ id }) => id)
      t.same(await list(['running']), [ids[0]])
      t.same(await list(['running', 'failed']), [ids[0], ids[3]])
      t.same(await list(['cancelled']), [])
      t.same(await list(['queued'], 2), [ids[1], ids[2]])
    })

    t.test('tells the event up to which it is right', async (t) => {
      const { store, events, all } = await many(t)
      t.same(await store.since(all.lastEventId), [])
      const { task } = await store.create({ command: 'true' })
      const { eventId } = await events.find(upsertOf(task.id))
      t.equal(isUpTo(eventId, all.lastEventId), false)
      const { tasks, lastEventId } = await store.list({})
      t.equal(tasks.some(({ id }) => id === task.id), true)
      t.equal(isUpTo(eventId, lastEventId), true)
    })
  })

  t.test('get gives one task, or undefined', async (t) => {
    const { store } = await opened(t)
    const { task } = await store.create({ command: 'true' })
    t.equal((await store.get(task.id))?.json, task.json)
    t.equal(await store.get('task_1_missing'), undefined)
    t.equal(await store.get('../x'), undefined)
  })

  t.test('cancel', async (t) => {
    t.test('ends a queued task at once', async (t) => {
      const { store } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      const { outcome, task } = await store.cancel(id)
      t.equal(outcome, 'cancelled')
      t.equal(task.status, 'cancelled')
      t.match(task.task, { errorMessage: 'Cancelled before start.', completedAt: String })
      t.equal((await store.get(id))?.status, 'cancelled')
    })

    t.test('asks for the end of a running one', async (t) => {
      const { store, setStatus, events } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      await setStatus(id, { status: 'running' })
      await events.find(upsertOf(id, 'running'))
      const { outcome, task } = await store.cancel(id)
      t.equal(outcome, 'requested')
      t.equal(task.status, 'running')
      t.equal((await store.cancel(id)).outcome, 'requested', 'again')
    })

    t.test('refuses one that has ended', async (t) => {
      const { store, setStatus } = await opened(t)
      for (const status of ['completed', 'failed', 'cancelled'] as const) {
        const { task: { id } } = await store.create({ command: 'true' })
        await setStatus(id, { status })
        await t.rejects(store.cancel(id), { code: 'FST_TASKS_NOT_ACTIVE', statusCode: 409 }, status)
      }
    })

    t.test('refuses one that is missing', async (t) => {
      const { store } = await opened(t)
      for (const id of ['task_1_missing', '../x']) await t.rejects(store.cancel(id), { code: 'FST_TASKS_NOT_FOUND', statusCode: 404 }, id)
    })
  })

  t.test('remove', async (t) => {
    t.test('removes what has ended, and its log', async (t) => {
      const { store, appendLog, setStatus, events } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      await appendLog(id, 'said\n')
      await setStatus(id, { status: 'completed' })
      await store.delete(id, { force: false })
      await events.find((event) => event.type === 'task.deleted' && event.taskId === id)
      t.equal(await store.get(id), undefined)
      t.equal(await store.readLog(id, { start: 0 }), undefined)
      t.same((await store.list({})).tasks, [])
      t.equal(events.seen.filter(({ type }) => type === 'task.deleted').length, 1)
    })

    t.test('refuses an unfinished one, unless forced', async (t) => {
      const { store, setStatus, events } = await opened(t)
      for (const status of ['queued', 'running'] as const) {
        const { task: { id } } = await store.create({ command: 'true' })
        if (status === 'running') {
          await setStatus(id, { status })
          await events.find(upsertOf(id, 'running'))
        }
        await t.rejects(store.delete(id, { force: false }), { code: 'FST_TASKS_ACTIVE', statusCode: 409 }, status)
        t.equal((await store.get(id))?.status, status)
        await store.delete(id, { force: true })
        t.equal(await store.get(id), undefined)
      }
    })

    t.test('refuses one that is missing', async (t) => {
      const { store } = await opened(t)
      for (const id of ['task_1_missing', '../x']) await t.rejects(store.delete(id, { force: true }), { code: 'FST_TASKS_NOT_FOUND', statusCode: 404 }, id)
    })
  })

  t.test('readLog', async (t) => {
    t.test('gives ranges of bytes', async (t) => {
      const { store, appendLog } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      await appendLog(id, 'grün\n')
      const read = async (start: number, end?: number) => {
        const content = await store.readLog(id, { start, ...(end !== undefined && { end }) })
        return [content?.size, await text(content!.body)]
      }
      t.same(await read(0), [6, 'grün\n'])
      t.same(await read(2), [6, 'ün\n'])
      t.same(await read(2, 4), [6, 'ü'])
      t.same(await read(0, 0), [6, ''])
      t.same(await read(4, 100), [6, 'n\n'])
      t.same(await read(6), [6, ''])
      t.same(await read(100), [6, ''])
    })

    t.test('gives another entity tag after each change', async (t) => {
      const { store, appendLog } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      const etag = async () => {
        const content = await store.readLog(id, { start: 0 })
        content!.body.destroy()
        return content!.etag
      }
      await appendLog(id, 'one\n')
      const first = await etag()
      t.match(first, /^"[^"]+"$/)
      t.equal(await etag(), first)
      await appendLog(id, 'two\n')
      t.not(await etag(), first)
    })

    t.test('gives nothing where there is no log', async (t) => {
      const { store } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      for (const each of [id, 'task_1_missing', '../x']) t.equal(await store.readLog(each, { start: 0 }), undefined, each)
    })
  })

  t.test('subscribe', async (t) => {
    t.test('tells each change once, in the order of the ids', async (t) => {
      const { store, events } = await opened(t)
      const first = await store.create({ command: 'true' })
      await store.cancel(first.task.id)
      await store.delete(first.task.id, { force: false })
      const last = await store.create({ command: 'true' })
      await events.find(upsertOf(last.task.id))
      t.same(events.seen.map((event) => event.type === 'task.upsert' ? event.task.status : event.type), ['queued', 'cancelled', 'task.deleted', 'queued'])
      const ids = events.seen.map(({ eventId }) => eventId)
      t.equal(ids.every((id, index) => index === 0 || !isUpTo(id, ids[index - 1]!)), true)
    })

    t.test('tells the log from its first byte to its last before the end of its task', async (t) => {
      const { store, appendLog, setStatus, events } = await opened(t)
      const { task: { id } } = await store.create({ command: 'true' })
      await setStatus(id, { status: 'running' })
      await appendLog(id, 'one\n')
      await events.find((event) => event.type === 'task.log' && event.chunk.includes('one'))
      await appendLog(id, 'zwölf\n')
      await setStatus(id, { status: 'completed', exitCode: 0 })
      await events.find(upsertOf(id, 'completed'))
      const end = events.seen.findIndex(upsertOf(id, 'completed'))
      const logs = events.seen.slice(0, end).flatMap((event) => event.type === 'task.log' ? [event] : [])
      t.equal(logs.map(({ chunk }) => chunk).join(''), 'one\nzwölf\n')
      let position = 0
      for (const { offset, end, chunk } of logs) {
        t.equal(offset, position)
        t.equal(end - offset, Buffer.byteLength(chunk))
        position = end
      }
      t.equal(position, 11)
    })

    t.test('ends where it is told to, each subscription by itself', async (t) => {
      const { store, events } = await opened(t)
      const told: string[] = []
      const listener = ({ type }: TaskEvent) => { told.push(type) }
      const [end, endOther] = [store.subscribe(listener, { logs: false }), store.subscribe(listener, { logs: false })]
      t.teardown(endOther)
      await store.create({ id: 'task_1_both', command: 'true' })
      await events.find(upsertOf('task_1_both'))
      t.equal(told.length, 2)
      end()
      end()
      await store.create({ id: 'task_2_one', command: 'true' })
      await events.find(upsertOf('task_2_one'))
      t.equal(told.length, 3)
      endOther()
      await store.create({ id: 'task_3_none', command: 'true' })
      await events.find(upsertOf('task_3_none'))
      t.equal(told.length, 3)
    })

    t.test('survives a listener that throws', async (t) => {
      const { store, events } = await opened(t)
      t.teardown(store.subscribe(() => { throw new Error('of a listener') }, { logs: true }))
      const { task } = await store.create({ command: 'true' })
      await events.find(upsertOf(task.id))
      t.ok(await store.get(task.id))
    })
  })

  t.test('since', async (t) => {
    t.test('tells all task events after an id, and the sizes of logs', async (t) => {
      const { store, appendLog, setStatus, events } = await opened(t)
      const before = await store.create({ command: 'before' })
      const { lastEventId } = await store.list({})
      const { task: { id } } = await store.create({ command: 'after' })
      await setStatus(id, { status: 'running' })
      await events.find(upsertOf(id, 'running'))
      await appendLog(id, 'grün\n')
      await events.find((event) => event.type === 'task.log' && event.end === 6)
      await store.cancel(before.task.id)
      await store.delete(before.task.id, { force: false })
      const missed = await store.since(lastEventId)
      const last = missed!.at(-1)!
      await events.find(({ eventId }) => eventId === last.eventId)
      t.same(missed!.filter(({ type }) => type !== 'task.log'), events.seen.filter(({ type, eventId }) => type !== 'task.log' && !isUpTo(eventId, lastEventId)))
      const heads = missed!.flatMap((event) => event.type === 'task.log' ? [event] : [])
      t.match(heads, [{ taskId: id, offset: 6, end: 6, chunk: '' }])
      t.equal(heads.length, 1)
      const ids = missed!.map(({ eventId }) => eventId)
      t.equal(ids.every((eventId, index) => index === 0 || !isUpTo(eventId, ids[index - 1]!)), true)
      t.same(await store.since(last.eventId), [])
    })

    t.test('does not know malformed, foreign or future ids', async (t) => {
      const { store } = await opened(t)
      const { task } = await store.create({ command: 'true' })
      const { lastEventId } = await store.list({})
      const future = lastEventId.replace(/\d+$/, (number) => `${Number(number) + 1000}`)
      for (const id of ['', 'x', '-', '1-', '-1', `${lastEventId} `, `${lastEventId}\n`, `${lastEventId}-1`, 'foreign-1', future, task.id]) {
        t.equal(await store.since(id), undefined, JSON.stringify(id))
      }
    })

    t.test('goes on without a gap where the list ends', async (t) => {
      const { store } = await opened(t)
      const creations: Array<Promise<unknown>> = []
      const connected: Array<Promise<string[]>> = []
      const connect = async () => {
        const { tasks, lastEventId } = await store.list({})
        await Promise.all(creations)
        const missed = await store.since(lastEventId)
        return [...tasks.map(({ id }) => id), ...missed!.flatMap((event) => event.type === 'task.upsert' ? [event.task.id] : [])].sort()
      }
      for (let number = 0; number < 20; number++) {
        creations.push(store.create({ id: `task_${number}_gap`, command: 'true' }))
        if (number % 5 === 0) connected.push(Promise.all([creations[number]]).then(connect))
      }
      const expected = Array.from({ length: 20 }, (_, number) => `task_${number}_gap`).sort()
      for (const ids of await Promise.all(connected)) t.same(ids, expected)
    })
  })

  t.test('types: none until a processor told some', async (t) => {
    const { store, publish } = await opened(t)
    t.strictSame(await store.types(), { types: [], anyType: false })
    for (const told of [{ types: [{ name: 'b', config: { type: 'object' } }, { name: 'a', shell: true as const }], anyType: false }, { types: [], anyType: true }]) {
      await publish(told)
      t.strictSame(await store.types(), told)
    }
  })

  t.test('a closed store can be opened again and has the same tasks', async (t) => {
    const { store } = await makeStore(t)
    await store.open({ log })
    const { task } = await store.create({ command: 'true' })
    await store.close()
    await store.open({ log })
    t.teardown(() => store.close())
    t.equal((await store.get(task.id))?.json, task.json)
  })

  t.test('health reports whether a processor is alive', async (t) => {
    const { store } = await opened(t)
    t.type((await store.health()).processorAlive, 'boolean')
  })
}

function upsertOf (id: string, status?: string): (event: TaskEvent) => boolean {
  return (event) => event.type === 'task.upsert' && event.task.id === id && (status === undefined || event.task.status === status)
}

/** What a subscription told. */
class Events {
  readonly seen: TaskEvent[] = []
  readonly #waiting = new Set<(event: TaskEvent) => void>()

  add (event: TaskEvent): void {
    this.seen.push(event)
    for (const look of [...this.#waiting]) look(event)
  }

  /** The first that fits, past or to come. */
  async find (fits: (event: TaskEvent) => boolean): Promise<TaskEvent> {
    const past = this.seen.find(fits)
    if (past !== undefined) return past
    return await new Promise((resolve) => {
      const look = (event: TaskEvent) => {
        if (!fits(event)) return
        this.#waiting.delete(look)
        resolve(event)
      }
      this.#waiting.add(look)
    })
  }
}
