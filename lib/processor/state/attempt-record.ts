import { parseStopReason, type StopReason } from '../run/stop-reason.ts'
import { parseProcessStat, type ProcessIdentity } from '../os/process-stat.ts'

/** The first line of an attempt record, as JSON: the facts that are known before a process exists. */
export interface RecordHeader {
  readonly version: 1
  /** The task's id. */
  readonly id: string
  /** Part of the record's name, and a variable (`ATTEMPT_VARIABLE`) of the attempt's processes. */
  readonly nonce: string
  readonly bootId: string
  /**
   * The nonce of the fork server, which the environment of a forked process holds until it executes the command.
   * Absent: the wrapper was spawned. Called `launcher` by older versions.
   */
  readonly forkServer?: string
  /** Absent: no limit. */
  readonly timeoutMs?: number
  /** The type whose concurrency limit applies. */
  readonly type: string
  /** The folder of the command's own cgroup. Absent: it has none. */
  readonly cgroup?: string
  /** The wrapper ends the output at a signal (see `Wrapper.finishesOnSignal`). */
  readonly finishes?: true
}

/** Parsed state of one attempt. Each fact is a separate line, so that it is written atomically. */
export interface AttemptRecord {
  readonly header: RecordHeader
  /** The process that supervises the command; its group contains the writer of the log. */
  readonly wrapper?: ProcessIdentity
  /** The command; before its start, the process at the start gate that will execute it. */
  readonly leader?: ProcessIdentity
  /** Whether the command was started; never changes once it is recorded. */
  readonly gate?: 'started' | 'unstarted'
  /** Why the processor has terminated it. */
  readonly stop?: StopReason
  readonly exitCode?: number
  /** Whether the log's writer is waiting because the disk is full. */
  readonly full?: boolean
  /** Exit code of the log's writer; 0: the log is complete. */
  readonly drained?: number
  /** The task file has its final status, so only this record remains to be deleted. */
  readonly finished?: true
}

type Draft = { -readonly [K in keyof AttemptRecord]: AttemptRecord[K] }

/** How each kind of line changes the record. The first line of a kind counts, except for `full` and `room`. */
const LINES: Readonly<Record<string, (record: Draft, value: string) => void>> = {
  wrapper (record, value) { setProcess(record, 'wrapper', value) },
  leader (record, value) { setProcess(record, 'leader', value) },
  started (record) { record.gate ??= 'started' },
  unstarted (record) { record.gate ??= 'unstarted' },
  stop (record, value) { setStop(record, value) },
  exit (record, value) { record.exitCode ??= Number(value) },
  full (record) { record.full = true },
  room (record) { record.full = false },
  drained (record, value) { record.drained ??= Number(value) },
  ended (record) { record.finished = true }
}

/** @returns undefined if the first line is not a complete header */
export function parseRecord (text: string): AttemptRecord | undefined {
  const [first = '', ...lines] = text.split('\n').slice(0, -1)
  const header = parseHeader(first)
  if (header === undefined) return undefined
  const record: Draft = { header }
  for (const line of lines) {
    const [, word = '', value = ''] = /^([^ ]*) ?(.*)$/s.exec(line) ?? []
    if (Object.hasOwn(LINES, word)) LINES[word]!(record, value)
  }
  return record
}

/** Whether the process at the start gate exited without executing the command (it records `started` before it does). */
export function neverStarted ({ gate, exitCode }: AttemptRecord): boolean {
  return gate === 'unstarted' || (gate === undefined && exitCode !== undefined)
}

/**
 * Whether it is decided if the command starts. The process at the gate records that decision; without such a process,
 * nothing can start any more.
 */
export function isGateDecided ({ gate, leader }: AttemptRecord, isRunning: (leader: ProcessIdentity) => boolean): boolean {
  return gate !== undefined || leader === undefined || !isRunning(leader)
}

/**
 * Whether the command was started, for a record whose gate is decided. A process at the gate that was killed without
 * recording anything counts as started: it may have been the command already, whose line did not fit on the disk.
 */
export function wasStarted (record: AttemptRecord): boolean {
  return record.leader !== undefined && !neverStarted(record)
}

function setStop (record: Draft, value: string): void {
  const reason = parseStopReason(value)
  if (reason !== undefined) record.stop ??= reason
}

/** A later line replaces an earlier one: another process was created for the attempt. */
function setProcess (record: Draft, role: 'wrapper' | 'leader', value: string): void {
  const stat = parseProcessStat(value)
  if (stat !== undefined) record[role] = { pid: stat.pid, startTicks: stat.startTicks }
}

function parseHeader (line: string): RecordHeader | undefined {
  try {
    const { launcher, ...header } = JSON.parse(line) as RecordHeader & { launcher?: string }
    if (header.version !== 1 || typeof header.id !== 'string' || typeof header.nonce !== 'string') return undefined
    return launcher === undefined ? header : { forkServer: launcher, ...header }
  } catch {
    return undefined
  }
}
