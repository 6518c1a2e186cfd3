/**
 * How the loaded section relates to the log.
 * - `loading`: another section is being loaded, so scrolling means nothing.
 * - `live`: the section includes the end of the log, and new output is appended to it.
 * - `detached`: the bytes after the section are loaded when the user scrolls there.
 */
export type SectionPhase = 'loading' | 'live' | 'detached'

/** More is loaded if fewer rows than this are left in the section above or below the view. */
const MIN_ROWS_HIDDEN = 40

export interface ScrollPosition {
  readonly phase: SectionPhase
  readonly follows: boolean
  /** Number of rows of the section above the view. */
  readonly above: number
  /** Number of rows of the section below the view. */
  readonly below: number
  /** Whether the log has bytes before the section. */
  readonly hasBefore: boolean
  /** Whether the log has, or may get, bytes after the section that are not appended. */
  readonly hasAfter: boolean
}

/** Decides, after the terminal has scrolled, whether the view follows the log and whether to load a section around the view. */
export function afterScroll ({ phase, follows, above, below, hasBefore, hasAfter }: ScrollPosition): { follows: boolean, load: boolean } {
  if (phase === 'loading') return { follows, load: false }
  const isFollowing = below === 0 && (follows || phase === 'live')
  // output also scrolls, which must not load the section again at each line if the section has only a few rows
  const loadsBefore = above < MIN_ROWS_HIDDEN && hasBefore && !isFollowing
  return { follows: isFollowing, load: loadsBefore || (below < MIN_ROWS_HIDDEN && hasAfter) }
}

/**
 * Decides what to do if the user scrolls up (`direction` < 0) or down (> 0) at the first or last row of the section, where
 * the terminal cannot scroll. This happens if one row has very many bytes.
 */
export function afterScrollAttempt ({ phase, above, below, hasBefore, hasAfter }: ScrollPosition, direction: number): 'follow' | 'load-before' | 'load-after' | undefined {
  if (phase === 'loading') return undefined
  if (direction < 0) return above === 0 && hasBefore ? 'load-before' : undefined
  if (direction === 0 || below > 0) return undefined
  if (phase === 'live') return 'follow'
  return hasAfter ? 'load-after' : undefined
}
