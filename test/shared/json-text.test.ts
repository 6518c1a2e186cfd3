import t from 'tap'
import { MAX_NESTING, nestingOf } from '../../lib/shared/json-scanner.ts'
import { JsonText } from '../../lib/shared/json-text.ts'

function compact (text: string): JsonText {
  return JsonText.compact(Buffer.from(text))
}

function textOf ({ bytes }: JsonText): string {
  return Buffer.from(bytes).toString()
}

for (const text of [
  '{}', '[]', '""', '0', '-0', '1.5e-7', '1E+5', 'true', 'false', 'null', ' {\t"a" :\r\n[ 1 , 2 ] } ', '"\\u00e4\\n\\"\\\\\\/"', '"ä\u2028𝄞"',
  '{"a": {"b": [{}, [], {"c": null}]}, "a": 2}', `"${'x'.repeat(100)} y"`, ` "${'x'.repeat(100)}" `, '{"": 1, "\\u0061": 2, "__proto__": 3}',
  '', ' ', '{', '}', '[', '[1', '[1,', '[1,]', '[,1]', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{1:1}', '{"a" 1}', '01', '1.', '.5', '-', '+1', '1e', '1e+', '0x1',
  'tru', 'truee', 'nul', 'NaN', 'Infinity', 'undefined', '"', '"a', '"\\', '"\\x"', '"\\u12"', '"\\u12g4"', '"\t"', '"\n"', "'a'", '1 2', '{} {}', '[1]]',
  '\uFEFF{}', '\u00a01', '/**/1', '1//', '\0', '"\u007f"', '{"a":1 "b":2}', '[1 2]', '-a', '--1', '1.5.5', '1e5e5'
]) {
  t.test(`compact() and JSON.parse() agree about ${encodeURIComponent(text).slice(0, 60)}`, async (t) => {
    let expected: string
    try {
      expected = JSON.stringify(JSON.parse(text))
    } catch {
      t.throws(() => compact(text), { problem: 'not-json', message: 'it is not valid JSON' })
      return
    }
    t.equal(JSON.stringify(JSON.parse(textOf(compact(text)))), expected)
  })
}

t.test('compact() and JSON.parse() agree about mutated texts', async (t) => {
  const source = '{"id": "task_1_a", "n": [-1.5e+10, 0, true, null, {"k\\u00e9\\"": "v\\n"}], "config": {"a": [[], {}]}, "z": false}'
  let state = 7
  const random = (limit: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor(state / 2 ** 31 * limit)
  }
  for (let round = 0; round < 5000; round++) {
    const characters = [...source]
    for (let change = 0; change <= random(3); change++) {
      const at = random(characters.length)
      const other = source[random(source.length)]!
      characters.splice(at, random(2), ...(random(2) === 0 ? [other] : []))
    }
    const text = characters.join('')
    let expected: unknown
    try { expected = JSON.parse(text) } catch { expected = 'invalid' }
    let actual: unknown
    try { actual = JSON.parse(textOf(compact(text))) } catch { actual = 'invalid' }
    if (JSON.stringify(actual) !== JSON.stringify(expected)) t.fail(text)
  }
})

t.test('compact() removes white space between tokens only', async (t) => {
  t.equal(textOf(compact(' { "a b" : [ 1 , "c  d" ] ,\n\t"e" : { } }\r\n')), '{"a b":[1,"c  d"],"e":{}}')
})

t.test('the compact text has a buffer of its own', async (t) => {
  const bytes = Buffer.from('{"a": 1}' + ' '.repeat(1000))
  t.equal(JsonText.compact(bytes).bytes.buffer.byteLength, 7)
})

t.test('only the members of the top-level object are members', async (t) => {
  const text = compact('{"a": {"b": 1}, "c": "x", "\\u0064\\"ä": null, "c": "y", "long name that needs more than 32 bytes": 5}')
  t.ok(text.isObject)
  t.strictSame([...text.names], ['a', 'c', 'd"ä', 'long name that needs more than 32 bytes'])
  t.equal(Buffer.from(text.raw('a')!).toString(), '{"b":1}')
  t.equal(text.scalar('c'), 'y', 'the last one counts')
  t.equal(text.scalar('d"ä'), null)
  t.equal(text.scalar('a'), undefined, 'an object is not a scalar')
  t.equal(text.scalar('b'), undefined)
  t.notOk(text.has('b'))
  t.equal(compact(`{"a": "${'x'.repeat(2000)}"}`).scalar('a'), undefined, 'a long text is not a scalar')
  t.notOk(compact('[{"a": 1}]').isObject)
  t.strictSame([...compact('[{"a": 1}]').names], [])
})

for (const [length, filler] of [['short', ''], ['long', ' '.repeat(10_000)]] as const) {
  t.test(`members of a ${length} text are replaced in their place, and added at its end`, async (t) => {
    const text = compact(`{"a": "x", "b": null, "f": [1, 2]${filler}, "a": "w"}`)
      .set(new Map([['c', '"y"'], ['f', 'null'], ['d', '[1]'], ['e"', 'null'], ['a', '"z"'], ['__proto__', '1']]))
    t.equal(textOf(text), '{"a":"x","b":null,"f":null,"a":"z","c":"y","d":[1],"e\\"":null,"__proto__":1}')
    t.strictSame([...text.names], ['a', 'b', 'f', 'c', 'd', 'e"', '__proto__'])
    t.strictSame(['a', 'c', 'd', 'e"', 'f', 'g', '__proto__'].map((name) => text.scalar(name)), ['z', 'y', undefined, null, null, undefined, 1])
    t.strictSame(['a', 'b', 'c', 'd', 'e"', 'f', 'g'].filter((name) => text.isString(name)), ['a', 'c'])
    t.strictSame(['b', 'e"', 'g', 'toString'].filter((name) => text.has(name)), ['b', 'e"'])
    t.equal(textOf(compact(`{${filler}}`).set(new Map([['a', '1']]))), '{"a":1}')
    t.equal(textOf(compact(`{"a": 1${filler}}`).set(new Map())), '{"a":1}')
  })

  t.test(`a string of which the JSON is longer than 1 KiB is not a scalar of a ${length} text`, async (t) => {
    const text = compact(`{"a": "${'\\u0041'.repeat(171)}", "b": "${'\\u0041'.repeat(170)}"${filler}}`)
    t.equal(text.scalar('a'), undefined)
    t.equal(text.scalar('b'), 'A'.repeat(170))
    t.ok(text.isString('a'))
  })
}

t.test('a text of any length may have 1000 members at its top level', async (t) => {
  for (const filler of ['', 'x'.repeat(10_000)]) {
    const text = (count: number) => `{"filler":"${filler}",${Array.from({ length: count - 1 }, (_, index) => `"${index}":[]`).join(',')}}`
    t.equal([...compact(text(1000)).names].length, 1000)
    t.throws(() => compact(text(1001)), { problem: 'too-wide', message: 'it has more than 1000 fields' })
  }
  t.equal(textOf(compact(`{"a":{${'"b":1,'.repeat(2000)}"c":1}}`)).length, 12_013, 'inner objects may have more')
})

for (const [open, close] of [['[', ']'], ['{"a":', '}']] as const) {
  const nested = (levels: number) => open.repeat(levels) + '1' + close.repeat(levels)

  t.test(`${open} may be nested ${MAX_NESTING} levels deep`, async (t) => {
    t.equal(textOf(compact(nested(MAX_NESTING))), nested(MAX_NESTING))
    for (const levels of [MAX_NESTING + 1, 2400, 100_000]) {
      t.throws(() => compact(nested(levels)), { problem: 'too-deep', message: 'it is nested more than 100 levels deep' }, String(levels))
      t.equal(nestingOf(Buffer.from(nested(levels))), levels)
    }
  })
}

t.test('brackets in strings are not nesting', async (t) => {
  t.equal(nestingOf(Buffer.from('{"[[[": "\\"[[[\\\\", "a": [1]}')), 2)
  t.equal(nestingOf(Buffer.from('"[[[')), 0, 'also without an end')
})
