import { createHash } from 'node:crypto'

/** A command in three parts with waits in between, with its output and its exit code. */
export interface OddCommand {
  readonly name: string
  readonly command: string
  readonly exitCode: number
  /** Hash of the log, or of the result of `normalize`. */
  readonly hash: string
  readonly normalize?: (log: Buffer) => Buffer
}

export function hashOf (...parts: Array<string | Buffer>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** For two programs that write at the same time: only whole lines are certain, not their order. */
function sortLines (log: Buffer): Buffer {
  return Buffer.from(log.toString('latin1').split('\n').sort().join('\n'), 'latin1')
}

/**
 * @param waits shell commands that wait, between the parts
 * @param bytes approximate output of the largest command
 */
export function oddCommands ([one, two]: readonly [string, string], bytes: number): OddCommand[] {
  const numbers = Math.ceil(bytes / 3 / 9)
  const plain = (name: string, command: string, output: string | Buffer, exitCode = 0): OddCommand => ({ name, command, exitCode, hash: hashOf(output) })
  return [
    plain('stderr reopened', `echo a > /dev/stderr; ${one}; echo b > /dev/stderr; echo c; ${two}; echo d > /dev/stdout`, 'a\nb\nc\nd\n'),
    plain('tee', `echo a | tee /dev/stderr; ${one}; echo b | tee /dev/stderr; ${two}; echo c | tee -a /dev/stderr`, 'a\na\nb\nb\nc\nc\n'),
    plain('not UTF-8', `printf '\\377\\376\\000\\342'; ${one}; printf '\\202'; ${two}; printf '\\254\\303'; exit 255`, Buffer.from('fffe00e282acc3', 'hex'), 255),
    plain('exec', `echo a; ${one}; echo b; exec sh -c "echo c; ${two}; echo d; exit 5"; echo never`, 'a\nb\nc\nd\n', 5),
    plain('exit in the middle', `echo a; ${one}; ${two}; (exit 3); echo b; exit 6; echo never`, 'a\nb\n', 6),
    plain('comments', `echo a # b; exit 1\n${one} # c\n${two}; echo '#d' e#f; exit 2 # g`, 'a\n#d e#f\n', 2),
    plain('quotes', `echo 'it'"'"'s "quoted"'; ${one}; echo "\\$HOME \\\\ \`echo x\`"; ${two}; printf '%s' '\${' "'"`, 'it\'s "quoted"\n$HOME \\ x\n${\''),
    plain('streams closed', `echo a; ${one}; exec >&- 2>&-; ${two}; exit 4`, 'a\n', 4),
    plain('no output', `${one}; ${two}; exit 0`, ''),
    plain('TERM to its own group', `echo a; ${one}; echo b; ${two}; echo c; kill -TERM 0; sleep 100`, 'a\nb\nc\n', 143),
    plain('KILL to its own group', `echo a; ${one}; echo b; ${two}; echo c; kill -KILL 0; sleep 100`, 'a\nb\nc\n', 137),
    plain('TERM to its own group, ignored', `trap '' TERM; kill -TERM 0; ${one}; kill -TERM 0; ${two}; kill -TERM 0; echo a; exit 8`, 'a\n', 8),
    {
      ...plain('both streams', `for part in 1 2 3; do
        (i=0; while [ $i -lt 500 ]; do echo "out $part $i"; i=$((i + 1)); done) &
        (i=0; while [ $i -lt 500 ]; do echo "err $part $i" >&2; i=$((i + 1)); done) &
        wait; [ $part -ne 1 ] || ${one}; [ $part -ne 2 ] || ${two}
      done`, sortLines(Buffer.from(['out', 'err'].flatMap((stream) => [1, 2, 3].flatMap((part) => Array.from({ length: 500 }, (_, i) => `${stream} ${part} ${i}\n`))).join('')))),
      normalize: sortLines
    },
    {
      // the processor is killed while the second part is written
      ...plain('large output', `seq ${1e7} ${1e7 + numbers - 1}; ${one}; seq ${2e7} ${2e7 + numbers - 1}; ${two}; seq ${3e7} ${3e7 + numbers - 1}; exit 9`, '', 9),
      hash: hashOf(...[1e7, 2e7, 3e7].map((from) => Array.from({ length: numbers }, (_, i) => `${from + i}\n`).join('')))
    }
  ]
}
