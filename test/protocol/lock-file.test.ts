import t from 'tap'
import { formatLock, isStale, LOCK_STALE_MS, parseLock, type Lock } from '../../lib/protocol/lock-file.ts'

const none: Lock = { pid: undefined, heartbeat: undefined, problem: 'pid' }

const locks: Array<[name: string, text: string, lock: Lock]> = [
  ['a pid and a heartbeat', '12\nheartbeat abc\n', { pid: 12, heartbeat: 'abc', problem: undefined }],
  ['a pid and a heartbeat without a final line feed', '12\nheartbeat abc', { pid: 12, heartbeat: 'abc', problem: undefined }],
  ['the lines of a later version', '12\nheartbeat abc\nhost box\n', { pid: 12, heartbeat: 'abc', problem: undefined }],
  ['only a pid', '12', { pid: 12, heartbeat: undefined, problem: undefined }],
  ['a pid and a line feed', '12\n', { pid: 12, heartbeat: undefined, problem: undefined }],
  ['the largest pid that is accepted', '9999999999\n', { pid: 9_999_999_999, heartbeat: undefined, problem: undefined }],
  ['a heartbeat in line 1', 'heartbeat abc\n12\n', none],
  ['a heartbeat in line 3', '12\n\nheartbeat abc\n', { pid: 12, heartbeat: undefined, problem: undefined }],
  ['a heartbeat after a line of another kind', '12\npulse\nheartbeat abc\n', { pid: 12, heartbeat: undefined, problem: 'heartbeat' }],
  ['a heartbeat without a nonce', '12\nheartbeat \n', { pid: 12, heartbeat: undefined, problem: 'heartbeat' }],
  ['a heartbeat without a space', '12\nheartbeat\n', { pid: 12, heartbeat: undefined, problem: 'heartbeat' }],
  ['a nonce with a space', '12\nheartbeat abc def\n', { pid: 12, heartbeat: 'abc def', problem: 'heartbeat' }],
  ['an indented heartbeat', '12\n heartbeat abc\n', { pid: 12, heartbeat: undefined, problem: 'heartbeat' }],
  ['a heartbeat line that ends with CRLF', '12\nheartbeat abc\r\n', { pid: 12, heartbeat: 'abc', problem: 'heartbeat' }],
  ['a pid line that ends with CRLF', '12\r\nheartbeat abc\n', { pid: undefined, heartbeat: 'abc', problem: 'pid' }],
  ['a pid that is not a number', 'yes\n', none],
  ['a pid of 0', '0\n', none],
  ['a pid with a sign', '-12\n', none],
  ['a pid with eleven digits', '12345678901\n', none],
  ['an empty file', '', none]
]

for (const [name, text, lock] of locks) {
  t.test(`parseLock() reads ${name}`, async (t) => {
    t.strictSame(parseLock(text), lock)
  })

  const expected = lock.heartbeat !== undefined
  t.test(`a lock with ${name} ${expected ? 'becomes' : 'never becomes'} stale`, async (t) => {
    t.equal(isStale(parseLock(text), LOCK_STALE_MS * 1000), expected)
  })
}

t.test('a lock becomes stale after 10 s without a change', async (t) => {
  const lock = parseLock('12\nheartbeat abc\n')
  t.equal(LOCK_STALE_MS, 10_000)
  t.equal(isStale(lock, LOCK_STALE_MS - 1), false)
  t.equal(isStale(lock, LOCK_STALE_MS), true)
})

t.test('parseLock() reads what formatLock() writes', async (t) => {
  t.strictSame(parseLock(formatLock(12, 'abc')), { pid: 12, heartbeat: 'abc', problem: undefined })
})
