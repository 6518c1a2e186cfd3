/** Options of `followLog`, on the server and in the client. */
export interface FollowOptions {
  /**
   * Byte offset of the first byte to read.
   * @default 0
   */
  readonly position?: number | undefined
  /** Aborting it ends the iteration and releases the connection or subscription. */
  readonly signal?: AbortSignal | undefined
}
