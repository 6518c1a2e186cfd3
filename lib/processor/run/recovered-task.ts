import { readCancelMarker } from '../../protocol/cancel-marker.ts'
import type { Attempt } from '../state/attempt.ts'
import type { RunContext } from './run-context.ts'
import { writeOutcome, writeQueued } from './write-outcome.ts'

/** Resets a task to `queued` whose command was prepared and never started. */
export async function requeueTask (context: RunContext, attempt: Attempt): Promise<void> {
  if (await writeQueued(context, attempt.record.header.id)) context.state.forget(attempt)
}

/** Finishes a task that is `running`, but has no attempt record. */
export async function finishUnknownTask (context: RunContext, id: string): Promise<void> {
  context.logger.warn(`${id}: the processor that ran it is gone`)
  await writeOutcome(context, id, await readCancelMarker(context.directory, id) === undefined
    ? { status: 'failed', exitCode: null, errorMessage: 'The processor stopped while this task was running.' }
    : { status: 'cancelled', exitCode: null, errorMessage: 'Cancelled.' })
}
