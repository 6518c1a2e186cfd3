import { parseArgs } from 'node:util'
import { describeLimits } from '../processor/limits.ts'
import type { ReloadingPolicyOptions } from '../processor/policy/reloading-policy.ts'
import { anyCommand, type Policy } from '../processor/policy/policy.ts'
import { ProcessorStartError } from '../processor/start-error.ts'
import type { ProcessorOptions } from '../processor/options.ts'
import { TaskProcessor } from '../processor/processor.ts'
import { synchronousFileSystem } from '../protocol/synchronous-file-system.ts'
import { parseDuration, parseSize } from '../util/units.ts'
import { UsageError } from './usage-error.ts'

interface ProcessArguments {
  readonly dir: string
  readonly leaveRunning: boolean
  /** Undefined: any command is allowed. */
  readonly policy: string | undefined
  readonly options: ProcessorOptions
}

/**
 * `fastify-tasks process`: runs until it is stopped by a signal.
 * @returns the exit code
 * @throws UsageError
 */
export async function processCommand (args: string[]): Promise<number> {
  const settings = readArguments(args)
  try {
    return await run(settings)
  } catch (error) {
    if (!(error instanceof ProcessorStartError)) throw error
    console.error(error.message)
    return 1
  }
}

async function run ({ dir, leaveRunning, policy: path, options }: ProcessArguments): Promise<number> {
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

/** Without one, what it takes to read it is not loaded: the larger this process, the longer it takes to start others. */
async function loadPolicy (path: string, options: ReloadingPolicyOptions): Promise<Policy> {
  const { ReloadingPolicy } = await import('../processor/policy/reloading-policy.ts')
  return await ReloadingPolicy.load(path, options)
}

function readArguments (args: string[]): ProcessArguments {
  const { values, positionals } = parse(args)
  const [dir, ...others] = positionals
  if (dir === undefined || dir === '') throw new UsageError('Missing argument DIR. Usage: fastify-tasks process DIR --policy FILE')
  if (others.length > 0) throw new UsageError(`Expected one directory, got also: ${others.join(' ')}.`)
  const { policy, 'allow-any-command': anyCommand = false } = values
  if (policy !== undefined && anyCommand) throw new UsageError('Use either --policy or --allow-any-command, not both.')
  if (policy === undefined && !anyCommand) {
    throw new UsageError('Specify what may run with --policy FILE. Without a policy, anyone who can write to the directory, such as a web server, ' +
      'can run any command as this user. If that is what you want, say so with --allow-any-command.')
  }
  if (policy === '') throw new UsageError('--policy needs the path of a file.')
  // an unset variable of a script; it would be the working directory
  if (values.state === '') throw new UsageError('--state needs the path of a directory.')
  return {
    dir,
    leaveRunning: values['leave-running'] ?? false,
    policy,
    options: {
      concurrency: readInteger('--concurrency', values.concurrency ?? '1', 1),
      graceMs: readInteger('--grace-ms', values['grace-ms'] ?? '10000', 0),
      ...(values.state !== undefined && { stateDir: values.state }),
      logMaxBytes: readIfGiven('--log-max-bytes', values['log-max-bytes'], readSize),
      retain: {
        ageMs: readIfGiven('--retain-age', values['retain-age'], readDuration),
        count: readIfGiven('--retain-count', values['retain-count'], (option, text) => readInteger(option, text, 1)),
        bytes: readIfGiven('--retain-bytes', values['retain-bytes'], readSize)
      },
      cgroups: values.cgroups ?? false
    }
  }
}

function parse (args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        'allow-any-command': { type: 'boolean' },
        cgroups: { type: 'boolean' },
        policy: { type: 'string' },
        concurrency: { type: 'string' },
        'leave-running': { type: 'boolean' },
        'log-max-bytes': { type: 'string' },
        'retain-age': { type: 'string' },
        'retain-bytes': { type: 'string' },
        'retain-count': { type: 'string' },
        state: { type: 'string' },
        'grace-ms': { type: 'string' }
      }
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readInteger (option: string, text: string, least: number): number {
  const value = Number(text)
  if (!/^\d{1,9}$/.test(text) || value < least) throw new UsageError(`${option} must be an integer of at least ${least}, not "${text}".`)
  return value
}

function readSize (option: string, text: string): number {
  const value = parseSize(text)
  if (value === undefined) throw new UsageError(`${option} must be a size such as 10G, 500M, 64K or 4096 (bytes), not "${text}".`)
  return value
}

function readDuration (option: string, text: string): number {
  const value = parseDuration(text)
  if (value === undefined) throw new UsageError(`${option} must be a time such as 30d, 12h, 90m or 3600s, not "${text}".`)
  return value
}

function readIfGiven<T> (option: string, text: string | undefined, read: (option: string, text: string) => T): T | undefined {
  return text === undefined ? undefined : read(option, text)
}

/** @returns a signal that is aborted with the first wish to stop */
function stopOnSignals (processor: TaskProcessor, leave: boolean): AbortSignal {
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const again = stopped.signal.aborted
      stopped.abort()
      const { running } = processor
      const what = leave ? 'leaving' : again ? 'killing' : 'stopping'
      console.log(`${signal}: ${what}${running.length === 0 ? '' : ` ${running.join(', ')}`}`)
      processor.stop(leave ? { leave } : { now: again })
    })
  }
  return stopped.signal
}
