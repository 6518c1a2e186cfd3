import type { TaskStatus } from '../shared/task-status.ts'
import type { CancelMarker } from './cancel-marker.ts'
import type { ClaimHolder } from './claim.ts'

/** How long a claim or marker must be unchanged before it counts as stale, in ms. */
export const STALE_AFTER_MS = 5_000
/** How long a claim or marker is kept that alone does not show what to do, such as a claim without a task, in ms. */
export const EXPIRE_AFTER_MS = 60_000
/** How long a temporary file is kept, in ms. */
export const TEMPORARY_AFTER_MS = 3_600_000

/** A task whose claim and marker have been unchanged for `STALE_AFTER_MS`, and the program that observed it. */
export interface StaleState {
  readonly marker: CancelMarker | 'none'
  /** `other`: a status that this version does not know. */
  readonly status: TaskStatus | 'absent' | 'unreadable' | 'other'
  readonly claim: ClaimHolder | 'none' | 'unreadable'
  /** Whether claim and marker have been unchanged for `EXPIRE_AFTER_MS`. */
  readonly isExpired: boolean
  /** Whether a living processor, other than the observer, may hold the task. */
  readonly isProcessorAlive: boolean
  /** Whether the observer is the processor and does not hold the task. */
  readonly isProcessor: boolean
}

/**
 * - `delete-task`: remove all files of the task
 * - `delete-except-marker`: the same, but leave the marker for the processor that may still write the task
 * - `cancel-task`: start the cancellation again
 * - `finish-cancellation`: write `cancelled` under the existing claim
 * - `remove-both`: remove the marker and the claim
 * - `remove-claim`: remove the claim
 */
export type CleanUp = 'delete-task' | 'delete-except-marker' | 'cancel-task' | 'finish-cancellation' | 'remove-both' | 'remove-claim'

/** Each property lists the values for which the rule applies; without it, any value does. */
type Rule = { readonly [K in keyof StaleState]?: ReadonlyArray<StaleState[K]> } & { readonly cleanUp: CleanUp }

/** PROTOCOL.md, "Cleaning up after crashes". The first rule that applies counts; if none does, nothing is done. */
const RULES: readonly Rule[] = [
  // a living processor removes the marker itself, once it has stopped the command
  { marker: ['delete'], isProcessorAlive: [true], isExpired: [false], cleanUp: 'delete-except-marker' },
  { marker: ['delete'], cleanUp: 'delete-task' },
  { status: ['completed', 'failed', 'cancelled'], cleanUp: 'remove-both' },
  { status: ['absent'], isExpired: [true], cleanUp: 'remove-both' },
  // the program that cancelled died before its claim, or after it
  { status: ['queued'], marker: ['cancel'], claim: ['none'], cleanUp: 'cancel-task' },
  { status: ['queued'], marker: ['cancel'], claim: ['cancel'], cleanUp: 'finish-cancellation' },
  // the processor failed to remove its claim (full or read-only disk, no descriptors). Only the processor may remove it:
  // to others, a suspended processor looks dead but may resume
  { status: ['queued'], claim: ['processor'], isProcessor: [true], cleanUp: 'remove-claim' },
  // no cancellation is in progress, or the claim was never completed (a mount without hard links)
  { status: ['queued'], claim: ['cancel', 'unreadable'], isExpired: [true], cleanUp: 'remove-claim' }
]

/** What to do about the stale files of a task; undefined: nothing (yet). */
export function decideCleanUp (state: StaleState): CleanUp | undefined {
  return RULES.find((rule) => applies(rule, state))?.cleanUp
}

/**
 * Whether a rule applies to a task as soon as its claim and marker are stale, or only once they have expired, provided that
 * nothing changes until then. Undefined: none does.
 */
export function cleanUpDue (state: Omit<StaleState, 'isExpired'>): 'stale' | 'expired' | undefined {
  if (decideCleanUp({ ...state, isExpired: false }) !== undefined) return 'stale'
  return decideCleanUp({ ...state, isExpired: true }) === undefined ? undefined : 'expired'
}

function applies ({ cleanUp, ...conditions }: Rule, state: StaleState): boolean {
  return Object.entries(conditions).every(([property, values]) => (values as readonly unknown[]).includes(state[property as keyof StaleState]))
}
