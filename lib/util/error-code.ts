/** The code of a system error, such as `ENOENT`; `UNKNOWN` if the value has none. */
export function errorCode (error: unknown): string {
  return (error as { code?: string } | undefined)?.code ?? 'UNKNOWN'
}
