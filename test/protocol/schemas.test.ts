import { readFileSync } from 'node:fs'
import t from 'tap'
import { ClaimFileSchema, PROTOCOL_VERSION, TaskFileSchema } from '../../lib/protocol/schemas.ts'

const text = readFileSync(new URL('../../lib/protocol/PROTOCOL.md', import.meta.url), 'utf8')

t.test('the published schemas are those of the code', async (t) => {
  const published = [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, block]) => JSON.parse(block!))
  t.strictSame(published, [TaskFileSchema, ClaimFileSchema].map((schema) => JSON.parse(JSON.stringify(schema))))
})

t.test('the published version is that of the code', async (t) => {
  t.match(text, new RegExp(`^# The tasks directory, version ${PROTOCOL_VERSION}\n`))
})
