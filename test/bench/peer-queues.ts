import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { makeDirectory } from './lab.ts'

/** Another queue of commands, used by a shell script. */
export interface PeerQueue {
  readonly program: string
  /** Maximum number of commands that it runs at the same time. */
  readonly maxConcurrency: number
  /** Enqueues `$1` commands, of which `$2` run at the same time, and waits for all. `$DIR` is a new directory. */
  readonly script: string
}

const REPEAT = 'i=0; while [ $i -lt $1 ]; do i=$((i + 1)); '

export const peerQueues: readonly PeerQueue[] = [
  {
    program: 'tsp',
    maxConcurrency: Infinity,
    // a private server; its jobs are numbered from 0 and start in that order
    script: `export TS_SOCKET=$DIR/socket TMPDIR=$DIR; tsp -S $2
${REPEAT} tsp /bin/sh -c true; done >/dev/null
i=$2; while [ $i -gt 0 ]; do tsp -w $(($1 - i)); i=$((i - 1)); done
tsp -K`
  },
  {
    program: 'nq',
    maxConcurrency: 1,
    script: `export NQDIR=$DIR; ${REPEAT} nq -q /bin/sh -c true; done; nq -w`
  }
]

export function isInstalled ({ program }: PeerQueue): boolean {
  return spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0
}

/** @returns the duration of all commands, in ms */
export async function runPeer ({ program, script }: PeerQueue, count: number, concurrency: number): Promise<number> {
  const env = { ...process.env, DIR: makeDirectory() }
  const started = performance.now()
  const shell = spawn('/bin/sh', ['-ec', script, 'sh', `${count}`, `${concurrency}`], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(shell, 'exit') as [number | null]
  if (code !== 0) throw new Error(`${program} failed with exit code ${code}`)
  return performance.now() - started
}
