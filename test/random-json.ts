import type { Random } from './random.ts'

/** A JSON text, and the name of its kind. */
export interface Shape {
  readonly kind: string
  readonly text: string
}

/** Makes a JSON text of one kind, of about `bytes` bytes and never more. */
type Maker = (random: Random, bytes: number) => string

const LEAVES = ['0', '-1.5e3', 'null', 'true', '""', '"text"', '{}', '[]', '{"a":0}', '[0]', '[[]]']

const makers: Readonly<Record<string, Maker>> = {
  'nested arrays': (random, bytes) => nested(random, bytes, '[', ']'),
  'nested objects': (random, bytes) => nested(random, bytes, '{"a":', '}'),
  'nested objects with long keys': (random, bytes) => nested(random, bytes, `{"${'k'.repeat(1 + random.below(80))}":`, '}'),
  'nested arrays with elements': (random, bytes) => nested(random, bytes, `[${random.pick(LEAVES)},`, ']'),
  'nested both ways': (random, bytes) => nested(random, bytes, '[{"a":', '}]'),
  'equal elements': (random, bytes) => list(bytes, constant(random.pick(LEAVES))),
  rows: (random, bytes) => {
    const columns = Array.from({ length: 1 + random.below(12) }, () => key(random))
    return list(bytes, () => `{${columns.map((name) => `${name}:${leaf(random)}`).join(',')}}`)
  },
  'objects with keys of their own': (random, bytes) => {
    const columns = 1 + random.below(6)
    return list(bytes, () => `{${Array.from({ length: columns }, () => `${key(random)}:0`).join(',')}}`)
  },
  'distinct keys': (random, bytes) => list(bytes, (index) => `"${index.toString(36)}${random.below(1e6).toString(36)}":0`, '{}'),
  'long keys': (random, bytes) => list(bytes, (index) => `"${index}${'k'.repeat(random.below(5000))}":0`, '{}'),
  'one key repeated': (_random, bytes) => list(bytes, constant('"a":{}'), '{}'),
  'keys of prototypes': (random, bytes) => list(bytes, () => `"${random.pick(['__proto__', 'constructor', 'prototype', 'toJSON', 'then', 'length', 'hasOwnProperty'])}":${random.pick(LEAVES)}`, '{}'),
  'numeric keys, ascending': (_random, bytes) => list(bytes, (index) => `"${index}":0`, '{}'),
  'numeric keys, descending': (_random, bytes) => list(bytes, (index) => `"${1e6 - index}":0`, '{}'),
  'numeric keys, sparse': (random, bytes) => list(bytes, () => `"${random.below(2 ** 32)}":0`, '{}'),
  // V8 computes the hash of a numeric string without a seed, and only from some of its bits
  'numeric strings with equal hashes': (_random, bytes) => list(bytes, (index) => `"${(2 ** 26 + (index % 192) * 2 ** 24 + Math.floor(index / 192)) % 2 ** 32}"`),
  'short numbers': (random, bytes) => list(bytes, () => String(random.below(10))),
  fractions: (random, bytes) => list(bytes, () => String(random() * 10 ** (random.below(600) - 300))),
  'long numbers': (random, bytes) => list(bytes, () => `${random.pick(['', '-'])}${digits(random, 1 + random.below(400))}${random.pick(['', `.${digits(random, 100)}`, 'e-300', 'e300', 'e999', 'E+400'])}`),
  'one number': (random, bytes) => `${digits(random, Math.max(1, bytes - 10))}${random.pick(['', '.5', 'e-9999'])}`,
  'one string': (random, bytes) => `"${repeat(random.pick(['x', 'word ', 'é', '字', '🙂', '\u2028']), bytes - 2)}"`,
  'one string with escapes': (random, bytes) => `"${repeat(escape(random), bytes - 2)}"`,
  'short strings': (random, bytes) => list(bytes, () => `"${random.below(1e9).toString(36)}"`),
  'strings with escapes': (random, bytes) => list(bytes, () => `"${escape(random)}${random.below(1e4)}${escape(random)}"`),
  whitespace: (random, bytes) => `[0,${repeat(random.pick([' ', '\n', '\t', ' \r\n']), bytes - 5)}0]`,
  tree: (random, bytes) => tree(random, bytes, 90)
}

export const SHAPE_KINDS: readonly string[] = Object.keys(makers)

/**
 * A valid JSON text of a random shape. Its numbers may exceed a double's range, its strings may have lone surrogates, and
 * its objects may repeat a key.
 * @param bytes maximum length, at least 100
 */
export function randomShape (random: Random, bytes: number, kind = random.pick(SHAPE_KINDS)): Shape {
  return { kind, text: makers[kind]!(random, bytes) }
}

/** A number of bytes up to `max`: in one of three cases `max` itself, otherwise of a random magnitude. */
export function randomSize (random: Random, max: number): number {
  return random.below(3) === 0 ? max : Math.floor(100 * (max / 100) ** random())
}

/** Values inside each other, up to the deepest that fits, with elements in the innermost of them. */
function nested (random: Random, bytes: number, open: string, close: string): string {
  const level = open.length + close.length
  const deepest = Math.max(1, Math.floor((bytes - 10) / level))
  const depth = Math.ceil(deepest ** random())
  const inner = bytes - depth * level
  return open.repeat(depth) + (inner < 20 || random.below(2) === 0 ? '0' : list(inner, constant(random.pick(LEAVES)))) + close.repeat(depth)
}

function list (bytes: number, item: (index: number) => string, [open, close] = '[]' as string | readonly string[]): string {
  const items: string[] = []
  for (let left = bytes - 2, index = 0; ; index++) {
    const next = item(index)
    left -= Buffer.byteLength(next) + 1
    if (left < 0) break
    items.push(next)
  }
  return open + items.join(',') + close
}

function tree (random: Random, bytes: number, depth: number): string {
  if (bytes < 40 || depth === 0) return leaf(random)
  const children = Math.min(1 + random.below(random.pick([2, 5, 50])), Math.floor(bytes / 20))
  const share = Math.floor((bytes - 2) / children) - 16
  const values = Array.from({ length: children }, () => tree(random, share, depth - 1))
  return random.below(2) === 0 ? `[${values.join(',')}]` : `{${values.map((value, index) => `"${index}k":${value}`).join(',')}}`
}

function leaf (random: Random): string {
  return random.below(2) === 0 ? random.pick(LEAVES.slice(0, 6)) : `"${random.below(1e6)}"`
}

function key (random: Random): string {
  return `"k${random.below(2 ** 31).toString(36)}"`
}

function escape (random: Random): string {
  return random.pick(['\\n', '\\"', '\\\\', '\\/', '\\u0000', '\\u001b', '\\u00e9', '\\uD83D\\uDE42', '\\ud800', '\\udc00'])
}

function digits (random: Random, count: number): string {
  const some = String(1 + random.below(9)) + Array.from({ length: 20 }, () => random.below(10)).join('')
  return some.repeat(Math.ceil(count / some.length)).slice(0, count)
}

function repeat (text: string, bytes: number): string {
  return text.repeat(Math.max(0, Math.floor(bytes / Buffer.byteLength(text))))
}

function constant (text: string): () => string {
  return () => text
}
