/**
 * Wraps an async generator so that it stops immediately when its consumer leaves (`break`, `return`) or the signal
 * aborts. By default, a generator suspended in an `await` would only stop once that promise settles.
 * @param generate creates the generator; it must watch the signal that it receives
 * @param signal ends the generator from outside
 */
export function abortable<T, R> (generate: (signal: AbortSignal) => AsyncGenerator<T, R, undefined>, signal: AbortSignal | undefined): AsyncGenerator<T, R, undefined> {
  const consumer = new AbortController()
  const generator = generate(signal === undefined ? consumer.signal : AbortSignal.any([consumer.signal, signal]))
  const { return: endGenerator, throw: failGenerator } = generator
  return Object.assign(generator, {
    return (value: R | PromiseLike<R>) {
      consumer.abort()
      return endGenerator.call(generator, value)
    },
    throw (error: unknown) {
      consumer.abort()
      return failGenerator.call(generator, error)
    }
  })
}
