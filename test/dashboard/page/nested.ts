/** An array in an array, `depth` levels deep. */
export function nested (depth: number): unknown {
  let value: unknown = []
  for (let level = 1; level < depth; level++) value = [value]
  return value
}
