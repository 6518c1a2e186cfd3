/**
 * A generator that ends at once when who takes from it leaves (`break`, `return`), or when a signal says so. Of its
 * own, one that waits would end only after what it waits for.
 * @param generate is given the signal to watch
 */
export function endable<T, R> (generate: (signal: AbortSignal) => AsyncGenerator<T, R, undefined>, signal: AbortSignal | undefined): AsyncGenerator<T, R, undefined> {
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
