import { parseStopReason, type StopReason } from '../run/stop-reason.ts'
import { parseProcessStat, type ProcessIdentity } from '../os/process-stat.ts'

/** The first line of a record: what the processor knows before there is a process. */
export interface RecordHeader {
  readonly version: 1
  /** The task's. */
  readonly id: string
  /** Stands in the environment of the attempt's processes, and in the record's name. */
  readonly nonce: string
  readonly bootId: string
  /** The nonce of the launcher, which a process that it forked has until it is the command; absent: there is none. */
  readonly launcher?: string
  /** Absent: no limit. */
  readonly timeoutMs?: number
  /** The type that counts for a limit of tasks at a time. */
  readonly type: string
  /** The folder of the command's own cgroup; absent: it has none. */
  readonly cgroup?: string
  /** The wrapper ends the output at a signal (see `Wrapper.finishes`). */
  readonly finishes?: true
}

/** Parsed state of one attempt. Each fact is a separate line, so that it is written atomically. */
export interface AttemptRecord {
  readonly header: RecordHeader
  /** What watches over the command, and leads the group of what takes its output to the log. */
  readonly wrapper?: ProcessIdentity
  /** The command itself; before it has begun, the process that waits to become it. */
  readonly leader?: ProcessIdentity
  /** Whether the command was begun; never changes once it stands. */
  readonly gate?: 'started' | 'unstarted'
  /** Why the processor has begun to end it. */
  readonly stop?: StopReason
  readonly exitCode?: number
  /** The log's writer waits for room on the disk. */
  readonly full?: boolean
  /** Exit code of the log's writer: 0, all the output is in the log. */
  readonly drained?: number
  /** The task's file says how it ended; so all that is left to do is to remove this record. */
  readonly ended?: true
}

/** Whether the process at the gate exited without becoming the command (it records `started` before it does). */
export function neverStarted ({ gate, exitCode }: AttemptRecord): boolean {
  return gate === 'unstarted' || (gate === undefined && exitCode !== undefined)
}

/** @returns undefined where not even the first line is whole */
export function parseRecord (text: string): AttemptRecord | undefined {
  const [first = '', ...lines] = text.split('\n').slice(0, -1)
  const header = parseHeader(first)
  if (header === undefined) return undefined
  const record: { -readonly [K in keyof AttemptRecord]: AttemptRecord[K] } = { header }
  for (const line of lines) {
    const space = line.indexOf(' ')
    const [word, rest] = space === -1 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    if (word === 'wrapper' || word === 'leader') {
      const stat = parseProcessStat(rest)
      if (stat !== undefined) record[word] = { pid: stat.pid, startTicks: stat.startTicks }
    } else if (word === 'started' || word === 'unstarted') record.gate ??= word
    else if (word === 'stop') {
      const reason = parseStopReason(rest)
      if (reason !== undefined) record.stop ??= reason
    } else if (word === 'exit') record.exitCode ??= Number(rest)
    else if (word === 'full' || word === 'room') record.full = word === 'full'
    else if (word === 'drained') record.drained ??= Number(rest)
    else if (word === 'ended') record.ended = true
  }
  return record
}

function parseHeader (line: string): RecordHeader | undefined {
  try {
    const header = JSON.parse(line) as RecordHeader
    return header.version === 1 && typeof header.id === 'string' && typeof header.nonce === 'string' ? header : undefined
  } catch {
    return undefined
  }
}
