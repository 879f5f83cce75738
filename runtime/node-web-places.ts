/** How many of something are under way at once. Who comes too late waits in order. */

export interface Places {
  /** Waits for a place; what is returned gives it back and may be called again. Rejects with the signal's reason. */
  take(pool: string, signal: AbortSignal): Promise<() => void>
}

interface Waiting {
  readonly pool: string
  readonly start: () => void
}

export function places(inAllMax: number, ofPoolMax: number): Places {
  const taken = new Map<string, number>()
  const waiting: Waiting[] = []
  let takenInAll = 0

  const isFree = (pool: string): boolean => takenInAll < inAllMax && (taken.get(pool) ?? 0) < ofPoolMax

  const change = (pool: string, by: 1 | -1): void => {
    takenInAll += by
    const count = (taken.get(pool) ?? 0) + by
    if (count === 0) taken.delete(pool)
    else taken.set(pool, count)
  }

  const occupied = (pool: string): (() => void) => {
    change(pool, 1)
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      change(pool, -1)
      const next = waiting.findIndex((one) => isFree(one.pool))
      if (next !== -1) waiting.splice(next, 1)[0]!.start()
    }
  }

  return {
    async take(pool, signal) {
      signal.throwIfAborted()
      if (isFree(pool)) return occupied(pool)
      const { promise, resolve, reject } = Promise.withResolvers<() => void>()
      const one = { pool, start: () => resolve(occupied(pool)) }
      const onAbort = (): void => {
        const index = waiting.indexOf(one)
        // One that has its place already gives it back where it is taken up.
        if (index !== -1) waiting.splice(index, 1)
        reject(signal.reason as Error)
      }
      waiting.push(one)
      signal.addEventListener('abort', onAbort, { once: true })
      const leave = await promise.finally(() => signal.removeEventListener('abort', onAbort))
      if (signal.aborted) leave()
      signal.throwIfAborted()
      return leave
    },
  }
}
