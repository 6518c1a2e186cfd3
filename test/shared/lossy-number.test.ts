import t from 'tap'
import { lossyNumber } from '../../lib/shared/lossy-number.ts'

for (const number of [
  '12345678901234567890', '-9007199254740993', '1e400', '-1E+400', '1e-400', '0.12345678901234567890', '123456789012345678.5', '1.00000000000000000001', '1e9999999999999999999999'
]) {
  t.test(`${number} is changed by JavaScript`, async (t) => {
    for (const text of [number, `[1,${number},2]`, `{"a":"1e400","b":{"c":${number}}}`, `{"a":${number}}`]) t.equal(lossyNumber(Buffer.from(text)), number, text)
  })
}

t.test('the time for a long number is proportional to its length', async (t) => {
  for (const number of [`1${'0'.repeat(1e6)}1`, `0.1${'0'.repeat(1e6)}1`, '10'.repeat(5e5)]) t.equal(lossyNumber(Buffer.from(`[${number}]`)), number)
})

t.test('JavaScript keeps the value of other numbers, and those in strings are texts', async (t) => {
  for (const text of [
    '0', '-0', '0.0', '1.0', '1.50', '0.1', '1e5', '1E+5', '100000e-5', '0.000001', '1e-7', '123456789012345', '9007199254740993'.slice(0, 15), '9007199254740992', '1000000000000000000000',
    '1e21', '1.7976931348623157e308', '5e-324', '0.30000000000000004', '123456.78901234567', '0e999', '1.000000000000000000000',
    '{"12345678901234567890":"12345678901234567890 \\" 1e400","a":"\\\\","b":[]}', '[]', 'true', '""'
  ]) t.equal(lossyNumber(Buffer.from(text)), undefined, text)
})
