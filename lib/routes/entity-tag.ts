/** Whether an `If-None-Match` header lists an entity tag, by weak comparison (RFC 9110, section 13.1.2). */
export function matchesTag (header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || header.split(',').some((tag) => opaqueTag(tag.trim()) === opaqueTag(etag))
}

/** The tag without its weakness indicator. */
function opaqueTag (tag: string): string {
  return tag.replace(/^W\//, '')
}
