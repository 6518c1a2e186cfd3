/**
 * The first index from `low` (default: 0) up to `high` (exclusive) for which `isAfter` holds, or `high` if there is none.
 * `isAfter` must hold for every index after the first one for which it holds.
 */
export function bisect (high: number, isAfter: (index: number) => boolean, low = 0): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isAfter(middle)) high = middle
    else low = middle + 1
  }
  return low
}
