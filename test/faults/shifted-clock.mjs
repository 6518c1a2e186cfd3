// Loaded before a program, shifts its wall clock by the ms that a file tells, so that it can jump while it runs.
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
