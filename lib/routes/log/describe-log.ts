import type { LogContent, TaskStore } from '../../store.ts'

export type LogDescription = Pick<LogContent, 'size' | 'etag'>

/** The size and entity tag of a log, without its content. @returns undefined if there is no log (yet) */
export async function describeLog (store: TaskStore, id: string): Promise<LogDescription | undefined> {
  const log = await store.readLog(id, { start: 0, end: 0 })
  if (log === undefined) return undefined
  const { size, etag, body } = log
  body.destroy()
  return { size, etag }
}
