import { parseTime } from '../../../util/parse-time.ts'

/** Fields of a task, which another program may have set to any value. */
interface TimeFields {
  readonly createdAt: unknown
  readonly startedAt: unknown
  readonly completedAt: unknown
  readonly status: unknown
}

/** Time in `queued`, in ms; undefined if it cannot be determined. */
export function waitedMs ({ createdAt, startedAt, completedAt, status }: TimeFields, now: number): number | undefined {
  return between(parseTime(createdAt), parseTime(startedAt) ?? parseTime(completedAt) ?? (status === 'queued' ? now : undefined))
}

/** Time in `running`, in ms; undefined if the task has not started or the time cannot be determined. */
export function ranMs ({ startedAt, completedAt, status }: TimeFields, now: number): number | undefined {
  return between(parseTime(startedAt), parseTime(completedAt) ?? (status === 'running' ? now : undefined))
}

/** Never negative: the times may come from different clocks. */
function between (from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from)
}
