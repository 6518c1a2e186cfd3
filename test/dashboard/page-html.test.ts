import t from 'tap'
import { addressFor, isAddress, originOf } from '../../lib/dashboard/api-address.ts'
import { contentSecurityPolicy, pageHtml } from '../../lib/dashboard/page-html.ts'

t.test('the page escapes the title and the API\'s address', async (t) => {
  const html = pageHtml({ title: '</title><script>', api: '"><img src=x>', nonce: 'n', entry: { script: 's.js', style: 's.css', worker: 'w.js' } })
  t.notMatch(html, '</title><script>')
  t.notMatch(html, '<img')
})

t.test('the policy allows connections to the page\'s and the API\'s origin', async (t) => {
  t.match(contentSecurityPolicy({ api: '/api' }), 'connect-src \'self\';')
  t.match(contentSecurityPolicy({ api: 'https://other.example:8443/x' }), 'connect-src \'self\' https://other.example:8443;')
})

t.test('an absolute path becomes relative to the page, and everything else remains', async (t) => {
  for (const [api, path, expected] of [
    ['/api/tasks', '/', './api/tasks'],
    ['/api/tasks', '/tasks/', '../api/tasks'],
    ['/api/tasks', '/deep/down/', '../../api/tasks'],
    ['/api/tasks', '/tasks//', '../../api/tasks'],
    ['/', '/', './'],
    ['/', '/tasks/', '../'],
    ['/a:b/c', '/', './a:b/c'],
    ['/api/../x/größe', '/tasks/', '../x/gr%C3%B6%C3%9Fe'],
    [' /api/tasks', '/tasks/', '../api/tasks'],
    ['../api', '/tasks/', '../api'],
    ['api', '/tasks/', 'api'],
    ['https://other.example/api', '/tasks/', 'https://other.example/api'],
    ['//other.example/api', '/tasks/', '//other.example/api'],
    ['/\\other.example/api', '/tasks/', '/\\other.example/api']
  ] as const) {
    t.equal(addressFor(api, path), expected, `${api} for ${path}`)
    t.equal(new URL(expected, `http://page${path}`).href, new URL(api, `http://page${path}`).href, 'without a proxy it is the same URL')
  }
})

t.test('the origin of an API is known unless it is the page\'s', async (t) => {
  t.equal(originOf('/api'), undefined)
  t.equal(originOf('../api'), undefined)
  t.equal(originOf('//other.example/api'), 'http://other.example')
})

t.test('an address is a path or an http(s) URL without query and fragment', async (t) => {
  for (const api of ['/api', 'api', '../api', '//other.example/x', 'HTTPS://other.example']) t.ok(isAddress(api), api)
  for (const api of ['', ' ', 'javascript:alert(1)', '/api?x', '/api#x', 5, 'http://']) t.notOk(isAddress(api), String(api))
})
