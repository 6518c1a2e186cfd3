import { createHash } from 'node:crypto'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ProcessorStartError } from '../start-error.ts'

const WRITABLE_BY_OTHERS = 0o022
const ACCESSIBLE_BY_OTHERS = 0o077

/**
 * The default folder for the state directories of all tasks directories: the first folder of `$STATE_DIRECTORY`
 * (systemd), otherwise `fastify-tasks` in the XDG state home.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function defaultStateRoot ({ STATE_DIRECTORY, XDG_STATE_HOME }: NodeJS.ProcessEnv = process.env): string {
  const [given] = (STATE_DIRECTORY ?? '').split(':')
  if (given) return given
  return join(XDG_STATE_HOME?.startsWith('/') ? XDG_STATE_HOME : join(homedir(), '.local/state'), 'fastify-tasks')
}

/**
 * Creates the state directory of a tasks directory below `root`, accessible by this user only.
 * @param tasksPath the real path of the tasks directory, so that all paths to it lead to one state directory
 * @throws ProcessorStartError
 */
export async function makeStateDirectory (root: string, tasksPath: string): Promise<string> {
  try {
    // before it is created, so that nothing is left in the tasks directory
    requireOutside(realPathOf(resolve(root)), root, tasksPath)
    await mkdir(root, { recursive: true, mode: 0o700 })
    const real = realpathSync(root)
    requireOutside(real, root, tasksPath)
    requirePrivate(real, WRITABLE_BY_OTHERS)
    const path = join(real, createHash('sha256').update(tasksPath).digest('hex').slice(0, 32))
    await mkdir(path, { mode: 0o700, recursive: true })
    requirePrivate(path, ACCESSIBLE_BY_OTHERS)
    return path
  } catch (error) {
    if (error instanceof ProcessorStartError) throw error
    throw new ProcessorStartError(`The state directory ${root} cannot be used: ${(error as Error).message}. Name another one with --state-dir.`)
  }
}

function requireOutside (real: string, root: string, tasksPath: string): void {
  if (`${real}/`.startsWith(`${tasksPath}/`)) throw new ProcessorStartError(`The state directory ${root} must be outside the tasks directory.`)
}

/** The real path of an absolute path of which the last folders may be missing. */
function realPathOf (path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realPathOf(dirname(path)), basename(path))
}

function requirePrivate (path: string, forbidden: number): void {
  const { mode, uid } = statSync(path)
  if (uid === process.geteuid!() && (mode & forbidden) === 0) return
  const access = forbidden === WRITABLE_BY_OTHERS ? 'writable' : 'accessible'
  throw new ProcessorStartError(`The state directory ${path} must belong to this user and be ${access} by no other user ` +
    `(its mode is ${(mode & 0o777).toString(8)}, its owner ${uid}).`)
}
