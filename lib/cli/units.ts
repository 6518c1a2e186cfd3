const TIMES: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 }
const SIZES: Record<string, number> = { T: 2 ** 40, G: 2 ** 30, M: 2 ** 20, K: 2 ** 10, '': 1 }

/** @returns ms for a text such as `30d`, `12h`, `90m`, `3600s`; undefined for any other, and for none at all */
export function parseDuration (text: string): number | undefined {
  return parse(text, TIMES)
}

/** @returns bytes for a text such as `10G`, `500M`, `64K` (powers of 1024), `4096`; undefined for any other, and for none at all */
export function parseSize (text: string): number | undefined {
  return parse(text, SIZES)
}

function parse (text: string, units: Record<string, number>): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]?)$/.exec(text) ?? []
  const value = Number(digits) * (Object.hasOwn(units, unit) ? units[unit]! : NaN)
  return value > 0 && Number.isSafeInteger(value) ? value : undefined
}
