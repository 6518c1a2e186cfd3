import t from 'tap'
import { similarName, unknownName } from '../../lib/util/names.ts'

const KNOWN = ['dir', 'store', 'prefix', 'readOnly', 'onRequest', 'maxClients', 'maxClientsPerAddress', 'clientBufferBytes', 'logs', 'where']

t.test('the known name that was meant is found', async (t) => {
  for (const [name, meant] of [
    ['readonly', 'readOnly'], ['ReadOnly', 'readOnly'], ['read_only', 'readOnly'], ['max-clients', 'maxClients'],
    ['readOlny', 'readOnly'], ['redOnly', 'readOnly'], ['prefx', 'prefix'], ['perfix', 'prefix'], ['maxClient', 'maxClients'],
    ['maxClientPerAddres', 'maxClientsPerAddress'], ['dri', 'dir'], ['log', 'logs'], ['directory', 'dir'], ['client', 'clientBufferBytes'],
    ['wher', 'where'], ['when', undefined], ['', undefined], ['x', undefined], ['token', undefined], ['é'.repeat(1e6), undefined]
  ] as const) t.equal(similarName(name, KNOWN), meant, name.slice(0, 20))
})

t.test('a name that is not known is named, with the one that was meant or with all', async (t) => {
  t.equal(unknownName({ dir: '/srv', prefix: '/x' }, KNOWN), undefined)
  t.equal(unknownName({}, KNOWN), undefined)
  t.equal(unknownName({ dir: '/srv', readonly: true }, KNOWN), 'readonly is not an option. Did you mean readOnly?')
  t.equal(unknownName({ readonly: undefined }, KNOWN), 'readonly is not an option. Did you mean readOnly?', 'also if its value is undefined')
  t.equal(unknownName({ token: 1 }, ['force', 'signal']), 'token is not an option. The options are force, signal.')
  t.equal(unknownName({ token: 1 }, []), 'token is not an option. There are no options.')
  t.equal(unknownName({ token: 1 }, ['id', 'type'], { one: 'a field', many: 'fields' }), 'token is not a field. The fields are id, type.')
  t.equal(unknownName(JSON.parse('{"__proto__": 1}'), ['id']), '__proto__ is not an option. The options are id.')
  t.equal(unknownName({ toString: 1 }, ['id']), 'toString is not an option. The options are id.')
  t.equal(unknownName({ 'a\n\u001b[31m': 1 }, ['id']), '"a\\n\\u001b[31m" is not an option. The options are id.')
})
