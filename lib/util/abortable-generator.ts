/**
 * Wraps an async generator so that it stops immediately when its consumer leaves (`break`, `return`) or the signal
 * aborts. By default, a generator suspended in an `await` would only stop once that promise settles.
 * @param generate is given the signal to watch
 */
export function abortable<T, R> (generate: (signal: AbortSignal) => AsyncGenerator<T, R, undefined>, signal: AbortSignal | undefined): AsyncGenerator<T, R, undefined> {
  const left = new AbortController()
  const generator = generate(signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]))
  const { return: end, throw: fail } = generator
  return Object.assign(generator, {
    return (value: R | PromiseLike<R>) {
      left.abort()
      return end.call(generator, value)
    },
    throw (error: unknown) {
      left.abort()
      return fail.call(generator, error)
    }
  })
}
