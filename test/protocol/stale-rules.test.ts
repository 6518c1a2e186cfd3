import { readFileSync } from 'node:fs'
import t from 'tap'
import { cleanUpDue, decideCleanUp, type CleanUp, type StaleState } from '../../lib/protocol/stale-rules.ts'

const VALUES: { readonly [K in keyof StaleState]: ReadonlyArray<StaleState[K]> } = {
  marker: ['none', 'cancel', 'delete'],
  status: ['queued', 'running', 'completed', 'failed', 'cancelled', 'absent', 'unreadable', 'other'],
  claim: ['none', 'processor', 'cancel', 'unreadable'],
  isExpired: [false, true],
  isProcessorAlive: [true, false],
  isProcessor: [false, true]
}

/** All states that there are. */
const STATES = Object.entries(VALUES).reduce<Array<Partial<StaleState>>>(
  (states, [property, values]) => states.flatMap((state) => values.map((value) => ({ ...state, [property]: value }))), [{}]
) as StaleState[]

const isFinal = ({ status }: StaleState) => ['completed', 'failed', 'cancelled'].includes(status)
/** Another claim than a processor's: it counts for all observers. */
const isNotOfProcessor = ({ claim }: StaleState) => claim === 'cancel' || claim === 'unreadable'

/** The rows of the table in PROTOCOL.md that are about tasks, with the states that each row describes and what is done then. */
const rows: Array<[row: string, applies: (state: StaleState) => boolean, cleanUp: (state: StaleState) => CleanUp | undefined]> = [
  ['delete marker',
    ({ marker }) => marker === 'delete',
    ({ isProcessorAlive, isExpired }) => isProcessorAlive && !isExpired ? 'delete-except-marker' : 'delete-task'],
  ['cancel marker or claim of a finished task',
    (state) => state.marker !== 'delete' && isFinal(state),
    () => 'remove-both'],
  ['queued task, cancel marker, no claim',
    ({ marker, status, claim }) => status === 'queued' && marker === 'cancel' && claim === 'none',
    () => 'cancel-task'],
  ['queued task, cancel marker, claim by `cancel`',
    ({ marker, status, claim }) => status === 'queued' && marker === 'cancel' && claim === 'cancel',
    () => 'finish-cancellation'],
  ['queued task, no marker, claim by `cancel`; queued task, unreadable claim',
    (state) => state.status === 'queued' && isNotOfProcessor(state) && (state.marker === 'none' || (state.marker === 'cancel' && state.claim === 'unreadable')),
    ({ isExpired }) => isExpired ? 'remove-claim' : undefined],
  ['queued task, claim by `processor`',
    ({ marker, status, claim }) => status === 'queued' && marker !== 'delete' && claim === 'processor',
    ({ isProcessor }) => isProcessor ? 'remove-claim' : undefined],
  ['running task',
    ({ marker, status }) => status === 'running' && marker !== 'delete',
    () => undefined],
  ['cancel marker or claim without a task',
    ({ marker, status }) => status === 'absent' && marker !== 'delete',
    ({ isExpired }) => isExpired ? 'remove-both' : undefined],
  ['unreadable task, or one with an unknown status',
    ({ marker, status }) => (status === 'unreadable' || status === 'other') && marker !== 'delete',
    () => undefined]
]

for (const [row, applies, expected] of rows) {
  t.test(`decideCleanUp() follows the protocol: ${row}`, async (t) => {
    const wrong = STATES.filter(applies).flatMap((state) => {
      const cleanUp = decideCleanUp(state)
      return cleanUp === expected(state) ? [] : [{ state, cleanUp, expected: expected(state) }]
    })
    t.strictSame(wrong, [])
  })
}

t.test('a queued task without claim and marker has no stale files', async (t) => {
  const states = STATES.filter(({ marker, status, claim }) => status === 'queued' && marker === 'none' && claim === 'none')
  t.strictSame(new Set(states.map(decideCleanUp)), new Set([undefined]))
})

t.test('each state belongs to exactly one row', async (t) => {
  const wrong = STATES.filter((state) => {
    const isClean = state.status === 'queued' && state.marker === 'none' && state.claim === 'none'
    return rows.filter(([, applies]) => applies(state)).length !== (isClean ? 0 : 1)
  })
  t.strictSame(wrong, [])
})

t.test('PROTOCOL.md has these rows in this order', async (t) => {
  const text = readFileSync(new URL('../../lib/protocol/PROTOCOL.md', import.meta.url), 'utf8')
  const [, section = ''] = /^## Cleaning up after crashes\n(.*?)^## /ms.exec(text) ?? []
  const published = [...section.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell!).slice(1)
  t.strictSame(published.slice(0, rows.length), rows.map(([row]) => row))
})

t.test('cleanUpDue() returns when the first rule applies', async (t) => {
  const wrong = STATES.filter(({ isExpired }) => !isExpired).filter((state) => {
    const [stale, expired] = [false, true].map((isExpired) => decideCleanUp({ ...state, isExpired }) !== undefined)
    return cleanUpDue(state) !== (stale ? 'stale' : expired ? 'expired' : undefined)
  })
  t.strictSame(wrong, [])
  t.equal(cleanUpDue({ marker: 'cancel', status: 'absent', claim: 'none', isProcessorAlive: true, isProcessor: false }), 'expired')
})
