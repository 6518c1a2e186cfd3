// Loaded before a program, shifts its wall clock by the ms in a file, so that the clock can jump while the program runs.
import { readFileSync } from 'node:fs'

const RealDate = Date

function now () {
  try {
    return RealDate.now() + Number(readFileSync(process.env.CLOCK_SHIFT, 'utf8'))
  } catch {
    return RealDate.now()
  }
}

globalThis.Date = class Date extends RealDate {
  constructor (...args) {
    super(...(args.length === 0 ? [now()] : args))
  }

  static now () {
    return now()
  }
}
