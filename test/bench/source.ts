/** How many bytes of text each event of a broadcast has. */
export const EVENT_BYTES = 1024
/** The log that the broadcasts are about. */
export const TASK_ID = 'task_1_bench'

const filler = 'what a program says while it works, line by line; '.repeat(2000)

/** One piece of a log, as every server of the bench tells it. */
export interface Piece {
  readonly id: string
  readonly offset: number
  readonly end: number
  readonly chunk: string
}

/** @param at when it happened, by the machine's clock */
export function pieceOf (number: number, at: number, bytes: number): Piece {
  return { id: TASK_ID, offset: number * bytes, end: (number + 1) * bytes, chunk: textOf(number, at, bytes) }
}

/** Says its number and its time, so that whoever receives it can tell whether it is intact, in its place, and in time. */
function textOf (number: number, at: number, bytes: number): string {
  const head = `#${number} @${at.toFixed(3)} `
  return head + filler.slice(0, bytes - head.length)
}

/** @returns when it happened; undefined: that is not the piece of that offset */
export function timeOf ({ id, offset, end, chunk }: Piece): number | undefined {
  const [, number, at] = /^#(\d+) @([\d.]+) /.exec(chunk) ?? []
  const intact = id === TASK_ID && chunk === textOf(Number(number), Number(at), end - offset) && offset === Number(number) * (end - offset)
  return intact ? Number(at) : undefined
}
