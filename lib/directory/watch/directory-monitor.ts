import type { DirectoryIdentity } from '../../protocol/directory-identity.ts'
import type { StoreLogger } from '../../store.ts'
import { errorCode } from '../../util/error-code.ts'
import { FileEvents } from '../../util/file-events.ts'
import { SingleFlight } from '../../util/single-flight.ts'
import { EventProbe } from './event-probe.ts'
import type { Scanner } from './scanner.ts'

const CHECK_INTERVAL_MS = 1000
/** While file events are unavailable, the monitor tries to get them back after this many checks. */
const REATTACH_CHECKS = 30

export interface DirectoryMonitorContext {
  readonly identity: DirectoryIdentity
  readonly scanner: Scanner
  /** Called with each name that a file event reports. */
  readonly onEvent: (name: string) => void
  /** File events may be missing from now on, for this reason. */
  readonly onMissingEvents: (reason: string) => void
  readonly mayMissEvents: () => boolean
  readonly log: StoreLogger
}

/** `loading` (the first scan is in progress) → `watching` → `closed`; `loading` → `closed` if it is closed before. */
type Phase = 'loading' | 'watching' | 'closed'

/** Monitors the directory itself: it keeps the file events attached, starts the scans, and detects that the directory cannot be read. */
export class DirectoryMonitor {
  readonly #path: string
  readonly #context: DirectoryMonitorContext
  readonly #events: FileEvents
  readonly #checks = new SingleFlight()
  readonly #probe: EventProbe
  #phase: Phase = 'loading'
  #problem: string | undefined
  #isLossLogged = false
  #checksUntilReattach = REATTACH_CHECKS
  #timer: NodeJS.Timeout | undefined

  constructor (path: string, context: DirectoryMonitorContext) {
    this.#path = path
    this.#context = context
    this.#events = new FileEvents((name) => this.#handleEvent(name), (code) => this.#handleLoss(code))
    this.#probe = new EventProbe(path, () => context.onMissingEvents('a probe file caused none'))
  }

  /** The first scan has not ended yet. */
  get isLoading (): boolean {
    return this.#phase === 'loading'
  }

  /** File events are attached; otherwise changes are found by polling only. */
  get hasEvents (): boolean {
    return this.#events.attached
  }

  /** Why the directory cannot be read now: the code of the system error. Undefined: it can. */
  get problem (): string | undefined {
    return this.#problem
  }

  /**
   * Attaches the file events before the first scan, so that no change is missed.
   * @returns once they are attached, `loaded`: it resolves when all tasks are known
   * @throws the system error if there is no directory
   */
  async start (): Promise<{ loaded: Promise<void> }> {
    try {
      await this.#attach()
    } catch (error) {
      this.#events.close()
      throw error
    }
    if (this.hasEvents) this.#probe.start()
    this.#timer = setInterval(() => { this.#checks.run(() => this.#check()) }, CHECK_INTERVAL_MS).unref()
    return { loaded: this.#load() }
  }

  async close (): Promise<void> {
    this.#phase = 'closed'
    clearInterval(this.#timer)
    this.#probe.close()
    this.#events.close()
    await this.#checks.idle()
  }

  async #load (): Promise<void> {
    try {
      await this.#context.scanner.scanNames({ hasEvents: false })
    } catch (error) {
      this.#setProblem(errorCode(error))
    }
    if (this.#phase === 'loading') this.#phase = 'watching'
  }

  async #check (): Promise<void> {
    try {
      await this.#checkDirectory()
    } catch (error) {
      this.#setProblem(errorCode(error))
    }
  }

  async #checkDirectory (): Promise<void> {
    const { identity, scanner, log } = this.#context
    const { problem, replaced, changed } = await identity.compare()
    if (this.#phase === 'closed') return
    if (problem !== undefined) return this.#setProblem(problem)
    const isRecovered = this.#problem !== undefined
    if (isRecovered) log.info('fastify-tasks: the tasks directory can be read again')
    this.#problem = undefined
    if (replaced || isRecovered) {
      await this.#attach()
      await scanner.scanNames({ hasEvents: false })
      await scanner.compareFiles({ hasEvents: false })
      return
    }
    if (this.#isReattachDue()) await this.#attach()
    if (this.#phase === 'watching') await scanner.tick({ hasChanged: changed, hasEvents: this.hasEvents, mayMissEvents: this.#context.mayMissEvents() })
  }

  #isReattachDue (): boolean {
    if (this.hasEvents) return false
    this.#checksUntilReattach--
    return this.#checksUntilReattach <= 0
  }

  async #attach (): Promise<void> {
    this.#checksUntilReattach = REATTACH_CHECKS
    this.#events.attach(this.#path)
    if (this.hasEvents) this.#isLossLogged = false
    await this.#context.identity.remember()
  }

  #handleEvent (name: string | null): void {
    if (name === null) this.#context.identity.invalidateScan()
    else {
      this.#probe.see(name)
      this.#context.onEvent(name)
    }
  }

  #handleLoss (code: string): void {
    if (!this.#isLossLogged) this.#context.log.warn(`fastify-tasks: file events are unavailable (${code}); changes are found by polling`)
    this.#isLossLogged = true
    this.#context.onMissingEvents(code)
  }

  #setProblem (code: string): void {
    if (this.#problem === undefined) {
      this.#context.log.warn(`fastify-tasks: the tasks directory cannot be read (${code}); the last known tasks stay listed`)
    }
    this.#problem = code
  }
}
