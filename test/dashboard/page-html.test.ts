import t from 'tap'
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
