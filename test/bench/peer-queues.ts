import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { makeDirectory } from './lab.ts'

/** A queue of commands that a shell talks to, by the name of its program. */
export interface PeerQueue {
  readonly program: string
  readonly atMost: number
  /** Enqueues `$1` commands, of which `$2` run at a time, and waits for all. `$DIR` is a new directory. */
  readonly script: string
}

const REPEAT = 'i=0; while [ $i -lt $1 ]; do i=$((i + 1)); '

export const peerQueues: readonly PeerQueue[] = [
  {
    program: 'tsp',
    atMost: Infinity,
    // a server of its own; its jobs count from 0, and begin in that order
    script: `export TS_SOCKET=$DIR/socket TMPDIR=$DIR; tsp -S $2
${REPEAT} tsp /bin/sh -c true; done >/dev/null
i=$2; while [ $i -gt 0 ]; do tsp -w $(($1 - i)); i=$((i - 1)); done
tsp -K`
  },
  {
    program: 'nq',
    atMost: 1,
    script: `export NQDIR=$DIR; ${REPEAT} nq -q /bin/sh -c true; done; nq -w`
  }
]

export function isInstalled ({ program }: PeerQueue): boolean {
  return spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0
}

/** @returns how long they all took, in ms */
export async function runPeer ({ program, script }: PeerQueue, count: number, concurrency: number): Promise<number> {
  const env = { ...process.env, DIR: makeDirectory() }
  const started = performance.now()
  const shell = spawn('/bin/sh', ['-ec', script, 'sh', `${count}`, `${concurrency}`], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(shell, 'exit') as [number | null]
  if (code !== 0) throw new Error(`${program} failed (${code})`)
  return performance.now() - started
}
