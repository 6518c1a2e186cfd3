import t from 'tap'
import { encodingFor } from '../../lib/dashboard/assets.ts'

t.test('encodingFor selects the best encoding that the client accepts', async (t) => {
  for (const [header, encoding] of [
    ['gzip, deflate, br', 'br'], ['gzip;q=1.0, br;q=0', 'gzip'], ['GZIP', 'gzip'], ['identity', 'identity'], ['', 'identity'], ['br;q=0.000,gzip;q=0', 'identity'], [undefined, 'identity']
  ] as const) t.equal(encodingFor(header), encoding, String(header))
})
