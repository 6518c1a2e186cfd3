import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

/** Lines of output. A log repeats this block, so that the expected value of each byte is known. */
export const BLOCK = Buffer.from(Array.from({ length: 12_000 }, (_, line) => `${line} ${'what a program prints while it works '.repeat(1 + line % 4)}\n`).join(''))

export function writeLog (path: string, bytes: number): void {
  const file = openSync(path, 'w')
  for (let written = 0; written < bytes;) written += writeSync(file, BLOCK, 0, Math.min(BLOCK.length, bytes - written))
  // otherwise the disk would still be busy during the measurement
  fsyncSync(file)
  closeSync(file)
}

/** @throws Error if the bytes are not those of the log at that position */
export function checkLog (bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) {
    const from = (position + at) % BLOCK.length
    const length = Math.min(bytes.length - at, BLOCK.length - from)
    if (bytes.compare(BLOCK, from, from + length, at, at + length) !== 0) throw new Error(`The bytes at ${position + at} differ from the log`)
    at += length
  }
}
