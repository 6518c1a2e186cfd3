/** Whether an `If-None-Match` header names a tag, by weak comparison (RFC 9110, 13.1.2). */
export function matchesTag (header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || header.split(',').some((tag) => strip(tag.trim()) === strip(etag))
}

function strip (tag: string): string {
  return tag.replace(/^W\//, '')
}
