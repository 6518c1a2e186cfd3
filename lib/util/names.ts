/** What the names are: for messages. */
export interface NameKind {
  /** With its article, such as `an option`. */
  readonly one: string
  /** Such as `options`. */
  readonly many: string
}

export const OPTIONS: NameKind = { one: 'an option', many: 'options' }

/**
 * Checks the names of a value's own properties.
 * @returns undefined if all are known; otherwise a message such as `readonly is not an option. Did you mean readOnly?`
 */
export function unknownName (value: object, known: readonly string[], kind = OPTIONS): string | undefined {
  const name = Object.keys(value).find((name) => !known.includes(name))
  return name === undefined ? undefined : `${printable(name)} ${notKnown(name, known, kind)}`
}

/** The message about one unknown name, without the name: `is not an option. Did you mean readOnly?` */
export function notKnown (name: string, known: readonly string[], { one, many }: NameKind): string {
  return `is not ${one}. ${hint(name, known, many)}`
}

function hint (name: string, known: readonly string[], many: string): string {
  const meant = similarName(name, known)
  if (meant !== undefined) return `Did you mean ${meant}?`
  return known.length === 0 ? `There are no ${many}.` : `The ${many} are ${known.join(', ')}.`
}

/** The known name that was probably meant: with other case or separators, with few typing errors, shortened or continued. */
export function similarName (name: string, known: readonly string[]): string | undefined {
  const given = plain(name.slice(0, MAX_LENGTH))
  // a longer name may have more errors
  const limit = Math.max(1, Math.floor(given.length * 0.4))
  const [best] = known
    .map((known) => ({ known, distance: distance(given, plain(known)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
  return best?.known ?? known.find((known) => continues(given, plain(known)) || continues(plain(known), given))
}

/** Longer names are cut: the distance costs time proportional to the product of the lengths. */
const MAX_LENGTH = 60
/** A shorter beginning says nothing about what was meant. */
const MIN_BEGINNING = 3

function plain (name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

function continues (long: string, short: string): boolean {
  return short.length >= MIN_BEGINNING && long.startsWith(short)
}

/** The number of characters to insert, delete, replace or swap with their neighbour. */
function distance (a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      line[column] = Math.min(line[column - 1]! + 1, rows[row - 1]![column]! + 1, rows[row - 1]![column - 1]! + cost)
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwapped) line[column] = Math.min(line[column]!, rows[row - 2]![column - 2]! + 1)
    }
    rows.push(line)
  }
  return rows[a.length]![b.length]!
}

function printable (name: string): string {
  return /^[\w.-]{1,60}$/.test(name) ? name : JSON.stringify(name.slice(0, MAX_LENGTH))
}
