import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

/** Lines of output; a log repeats them, so that what any byte of it must be is known. */
export const BLOCK = Buffer.from(Array.from({ length: 12_000 }, (_, line) => `${line} ${'what a program says while it works '.repeat(1 + line % 4)}\n`).join(''))

export function writeLog (path: string, bytes: number): void {
  const file = openSync(path, 'w')
  for (let written = 0; written < bytes;) written += writeSync(file, BLOCK, 0, Math.min(BLOCK.length, bytes - written))
  // else the disk would still be busy with it
  fsyncSync(file)
  closeSync(file)
}

/** @throws where the bytes are not the log's from there on */
export function checkLog (bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) {
    const from = (position + at) % BLOCK.length
    const length = Math.min(bytes.length - at, BLOCK.length - from)
    if (bytes.compare(BLOCK, from, from + length, at, at + length) !== 0) throw new Error(`other bytes than the log's at ${position + at}`)
    at += length
  }
}
