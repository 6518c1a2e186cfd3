import t from 'tap'
import { afterScroll, afterScrollAttempt, type ScrollPosition } from '../../../lib/dashboard/page/log/scroll-rules.ts'

/** In the middle of a detached section. */
const middle: ScrollPosition = { phase: 'detached', follows: false, above: 1000, below: 1000, hasBefore: true, hasAfter: true }
const atEnd: ScrollPosition = { ...middle, phase: 'live', below: 0, hasAfter: false }

for (const [name, position, expected] of [
  ['scrolling within a section does nothing', middle, { follows: false, load: false }],
  ['scrolling near the start loads the part before', { ...middle, above: 10 }, { follows: false, load: true }],
  ['scrolling near the start of the log loads nothing', { ...middle, above: 10, hasBefore: false }, { follows: false, load: false }],
  ['scrolling near the end loads the part after', { ...middle, below: 10 }, { follows: false, load: true }],
  ['scrolling near the end of the log loads nothing', { ...middle, below: 10, hasAfter: false }, { follows: false, load: false }],
  ['scrolling to the end of a live section follows the log', atEnd, { follows: true, load: false }],
  ['scrolling to the end of a detached section does not follow the log', { ...middle, below: 0, hasAfter: false }, { follows: false, load: false }],
  ['output of a followed log loads nothing, however few rows are above', { ...atEnd, follows: true, above: 0 }, { follows: true, load: false }],
  ['scrolling up stops following', { ...atEnd, follows: true, below: 3 }, { follows: false, load: false }],
  ['scrolling means nothing while a section is loaded', { ...middle, phase: 'loading', follows: true, above: 0 }, { follows: true, load: false }]
] as ReadonlyArray<readonly [string, ScrollPosition, object]>) {
  t.test(name, async (t) => {
    t.strictSame(afterScroll(position), expected)
  })
}

for (const [name, position, direction, expected] of [
  ['an attempt to scroll up at the first row loads the part before', { ...middle, above: 0 }, -1, 'load-before'],
  ['an attempt to scroll up at the start of the log does nothing', { ...middle, above: 0, hasBefore: false }, -1, undefined],
  ['an attempt to scroll down at the last row loads the part after', { ...middle, below: 0 }, 1, 'load-after'],
  ['an attempt to scroll down at the end of a finished log does nothing', { ...middle, below: 0, hasAfter: false }, 1, undefined],
  ['an attempt to scroll down at the end of a live section follows the log', atEnd, 1, 'follow'],
  ['an attempt to scroll within a section is left to the terminal', middle, 1, undefined],
  ['an attempt to scroll means nothing while a section is loaded', { ...middle, phase: 'loading', above: 0 }, -1, undefined]
] as ReadonlyArray<readonly [string, ScrollPosition, number, string | undefined]>) {
  t.test(name, async (t) => {
    t.equal(afterScrollAttempt(position, direction), expected)
  })
}
