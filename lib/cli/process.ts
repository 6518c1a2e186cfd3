import { describeLimits } from '../processor/limits.ts'
import { requireLinux } from '../processor/os/platform.ts'
import { anyCommand } from '../processor/policy/any-command.ts'
import type { Policy } from '../processor/policy/policy.ts'
import type { ReloadingPolicyOptions } from '../processor/policy/reloading-policy.ts'
import { TaskProcessor } from '../processor/processor.ts'
import { ProcessorStartError } from '../processor/start-error.ts'
import { synchronousFileSystem } from '../protocol/synchronous-file-system.ts'
import { readProcessArguments, type ProcessArguments } from './process-arguments.ts'

/**
 * `fastify-tasks process`: runs until it is stopped by a signal.
 * @returns the exit code
 * @throws UsageError
 */
export async function processCommand (args: string[]): Promise<number> {
  const settings = readProcessArguments(args)
  try {
    return await run(settings)
  } catch (error) {
    if (!(error instanceof ProcessorStartError)) throw error
    console.error(error.message)
    return 1
  }
}

async function run ({ dir, leaveRunning, policy: path, options }: ProcessArguments): Promise<number> {
  requireLinux()
  const logger = { info: (line: string) => console.log(line), warn: (line: string) => console.error(line) }
  const policy = path === undefined ? anyCommand : await loadPolicy(path, { tasksDir: dir, logger })
  const processor = new TaskProcessor(dir, { ...options, policy, logger, fileSystem: synchronousFileSystem })
  const stopped = stopOnSignals(processor, leaveRunning)
  try {
    await processor.start()
  } catch (error) {
    if (stopped.aborted) return 0
    throw error
  }
  console.log(`Processing the tasks in ${dir} (${describeLimits(options)})`)
  return await processor.ended === 'stopped' ? 0 : 1
}

/** Loads the policy's modules only if there is a policy: a larger process takes longer to start other processes. */
async function loadPolicy (path: string, options: ReloadingPolicyOptions): Promise<Policy> {
  const { ReloadingPolicy } = await import('../processor/policy/reloading-policy.ts')
  return await ReloadingPolicy.load(path, options)
}

/** @returns a signal that is aborted when the first process signal arrives */
function stopOnSignals (processor: TaskProcessor, leave: boolean): AbortSignal {
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const isRepeated = stopped.signal.aborted
      stopped.abort()
      const { running } = processor
      const action = leave ? 'leaving' : isRepeated ? 'killing' : 'stopping'
      console.log(`${signal}: ${action}${running.length === 0 ? '' : ` ${running.join(', ')}`}`)
      processor.stop(leave ? { leave } : { now: isRepeated })
    })
  }
  return stopped.signal
}
