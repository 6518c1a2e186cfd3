/** The longest delay of a Node.js or browser timer, in ms (2^31 − 1); a longer one would fire immediately. */
export const MAX_TIMER_MS = 2 ** 31 - 1
