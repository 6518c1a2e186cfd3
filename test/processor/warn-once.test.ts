import t from 'tap'
import { WarnOnce } from '../../lib/processor/warn-once.ts'
import { Said } from './fixtures.ts'

t.test('an error is logged once for each subject', async (t) => {
  const logger = new Said()
  const warnings = new WarnOnce(logger)
  for (const subject of ['one', 'two', 'one']) warnings.warn(subject, new Error('full'))
  t.strictSame(logger.lines, ['warning: one: full', 'warning: two: full'])
})

t.test('another error of the same subject is logged', async (t) => {
  const logger = new Said()
  const warnings = new WarnOnce(logger)
  for (const message of ['full', 'read-only', 'full']) warnings.warn('one', new Error(message))
  t.strictSame(logger.lines, ['warning: one: full', 'warning: one: read-only'])
})
