/** Bytes of text in each event of a broadcast. */
export const EVENT_BYTES = 1024
/** Id of the task whose log is broadcast. */
export const TASK_ID = 'task_1_bench'

const filler = 'what a program prints while it works, line by line; '.repeat(2000)

/** A piece of a log, as every server of the bench sends it. */
export interface Piece {
  readonly id: string
  readonly offset: number
  readonly end: number
  readonly chunk: string
}

/** @param at the time at which the event is due, see `now` */
export function pieceOf (number: number, at: number, bytes: number): Piece {
  return { id: TASK_ID, offset: number * bytes, end: (number + 1) * bytes, chunk: textOf(number, at, bytes) }
}

/** Contains the number and the time of the piece, so that a client can check its content, order and delay. */
function textOf (number: number, at: number, bytes: number): string {
  const head = `#${number} @${at.toFixed(3)} `
  return head + filler.slice(0, bytes - head.length)
}

/** @returns the time at which the event was due; undefined if it is not the piece at its offset */
export function timeOf ({ id, offset, end, chunk }: Piece): number | undefined {
  const [, number, at] = /^#(\d+) @([\d.]+) /.exec(chunk) ?? []
  const intact = id === TASK_ID && chunk === textOf(Number(number), Number(at), end - offset) && offset === Number(number) * (end - offset)
  return intact ? Number(at) : undefined
}
