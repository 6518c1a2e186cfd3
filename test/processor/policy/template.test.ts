import t from 'tap'
import { fillTemplate, literalOf, parseTemplate, type TemplateValues } from '../../../lib/processor/policy/template.ts'

function valuesOf (config: unknown, app: unknown = null): TemplateValues {
  return { id: 'task_1_a', type: 'deploy', app, config }
}

t.test('placeholders are replaced by values of the task', async (t) => {
  const config = JSON.parse('{"s":"text","n":-1.5,"zero":0,"no":false,"a":["x",["y"]],"o":{"b":{"c":"deep"}},"-k_1":"odd"}')
  const table: Array<[template: string, text: string]> = [
    ['', ''], ['plain', 'plain'], ['{id} {type}/{app}', 'task_1_a deploy/shop'],
    ['{config.s}', 'text'], ['a{config.n}b', 'a-1.5b'], ['{config.zero}{config.no}', '0false'],
    ['{config.a}', '["x",["y"]]'], ['{config.a.0}', 'x'], ['{config.a.1.0}', 'y'], ['{config.o}', '{"b":{"c":"deep"}}'],
    ['{config.o.b.c}', 'deep'], ['{config.-k_1}', 'odd'], ['{config}', JSON.stringify(config)]
  ]
  for (const [template, text] of table) t.equal(fillTemplate(parseTemplate(template), valuesOf(config, 'shop')), text, template)
})

t.test('doubled braces are literal braces', async (t) => {
  const table: Array<[template: string, text: string]> = [['{{config}}', '{config}'], ['{{{config.s}}}', '{text}'], ['}}{{', '}{']]
  for (const [template, text] of table) t.equal(fillTemplate(parseTemplate(template), valuesOf({ s: 'text' })), text, template)
})

t.test('the whole config is JSON, even if it is a string', async (t) => {
  t.equal(fillTemplate(parseTemplate('{config}'), valuesOf('a "b"')), '"a \\"b\\""')
})

t.test('inserted values are not parsed for placeholders', async (t) => {
  t.equal(fillTemplate(parseTemplate('$(id) `id` {config.s}'), valuesOf({ s: '{id} {{ $(rm) %s' })), '$(id) `id` {id} {{ $(rm) %s')
})

t.test('a missing, null or empty value of an optional placeholder becomes the empty string', async (t) => {
  const values = valuesOf({ s: 'text', empty: '', nil: null })
  t.equal(fillTemplate(parseTemplate('[{config.empty?}{config.nil?}{config.none?}{config.s.length?}{app?}]'), values), '[]')
  t.equal(fillTemplate(parseTemplate('{config.s?}'), values), 'text')
})

t.test('a missing, null or empty value of another placeholder rejects the task', async (t) => {
  const values = valuesOf({ s: 'text', empty: '', nil: null, list: ['x'] })
  const names = ['config.empty', 'config.nil', 'config.none', 'config.s.length', 'config.list.length', 'config.list.1', 'app', 'config.none.x.y']
  for (const name of names) {
    t.throws(() => fillTemplate(parseTemplate(`/srv/{${name}}`), values), { code: 'REFUSED', message: `{${name}} is missing or empty.` }, name)
  }
  for (const config of ['', null, undefined]) t.throws(() => fillTemplate(parseTemplate('{config}'), valuesOf(config)), { code: 'REFUSED' }, String(config))
})

t.test('inherited properties are missing values', async (t) => {
  for (const name of ['__proto__', '__proto__.x', 'constructor', 'constructor.name', 'toString', 'hasOwnProperty']) {
    t.throws(() => fillTemplate(parseTemplate(`{config.${name}}`), valuesOf({ s: 'text' })), { code: 'REFUSED' }, name)
  }
})

t.test('a property named __proto__ in the JSON text is a property like any other', async (t) => {
  t.equal(fillTemplate(parseTemplate('{config.__proto__.x}'), valuesOf(JSON.parse('{"__proto__":{"x":"own"}}'))), 'own')
})

t.test('a value with a NUL byte rejects the task', async (t) => {
  t.throws(() => fillTemplate(parseTemplate('{config.nul}'), valuesOf({ nul: 'a\0b' })), { code: 'REFUSED', message: '{config.nul} contains a NUL byte.' })
})

t.test('a text that starts with "-" from a value is rejected unless it is allowed', async (t) => {
  const values = valuesOf({ dash: '-rf', empty: '' })
  const options = { mayStartWithDash: false }
  t.throws(() => fillTemplate(parseTemplate('{config.empty?}{config.dash}'), values, options), { code: 'REFUSED', message: /^\{config\.dash\} starts with "-"/ })
  t.equal(fillTemplate(parseTemplate('x{config.dash}'), values, options), 'x-rf')
  t.equal(fillTemplate(parseTemplate('{config.dash}'), values), '-rf')
})

t.test('invalid templates are rejected', async (t) => {
  for (const text of ['{', '}', 'a{b', '{}', '{ config}', '{config.}', '{config..a}', '{config.a b}', '{conf}', '{id.x}', '{config.a??}', '{?}', '{config[0]}', '{{config}', '{env.HOME}', '{config.{id}}', '\0']) {
    t.throws(() => parseTemplate(text), Error, text)
  }
})

t.test('literalOf() returns the text of a template without placeholders', async (t) => {
  t.equal(literalOf(parseTemplate('a{{b}}')), 'a{b}')
  t.equal(literalOf(parseTemplate('a{id}')), undefined)
})
