interface RowPosition {
  /** Index of the current row. */
  readonly current: number
  readonly count: number
  /** Number of rows that Page Up and Page Down move by. */
  readonly page: number
}

/** The index of the row to which a key moves; undefined for other keys and for an empty list. */
export function rowForKey (key: string, { current, count, page }: RowPosition): number | undefined {
  const targets: Partial<Record<string, number>> = {
    ArrowDown: current + 1,
    j: current + 1,
    ArrowUp: current - 1,
    k: current - 1,
    PageDown: current + page,
    PageUp: current - page,
    Home: 0,
    End: count - 1
  }
  const target = targets[key]
  return target === undefined || count === 0 ? undefined : Math.min(count - 1, Math.max(0, target))
}
