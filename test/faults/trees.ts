/** Commands that are hard to terminate. Each prints `up` when all its processes exist. */
export const TREES: ReadonlyArray<{ name: string, command: string, exitCode: number }> = [
  { name: 'a child ignores TERM', command: "(trap '' TERM; while :; do sleep 1; done) & echo up; wait", exitCode: 143 },
  { name: 'the leader ignores TERM', command: "trap '' TERM; echo up; while :; do sleep 1; done", exitCode: 137 },
  { name: 'forks of forks', command: "(sleep 100 &); sh -c '(nohup sleep 100 &)'; echo up; sleep 100", exitCode: 143 },
  { name: 'the leader exits first', command: "(trap '' TERM; sleep 100) & trap 'exit 3' TERM; echo up; wait", exitCode: 3 },
  { name: 'TERM starts another process', command: "trap '(trap \"\" TERM; sleep 100) & exit 4' TERM; echo up; while :; do sleep 0.1; done", exitCode: 4 },
  { name: 'stopped by SIGSTOP', command: 'echo up; kill -STOP $$; exit 5', exitCode: 143 }
]
