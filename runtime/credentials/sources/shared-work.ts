/**
 * One execution for all who ask for the same at the same time. Who is aborted leaves with the reason of their signal;
 * the execution is aborted when nobody waits for it any more, and nobody joins one that was.
 */
export type SharedWork<Value> = (
  key: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Value>,
) => Promise<Value>

interface Running<Value> {
  readonly result: Promise<Value>
  readonly abort: AbortController
  waiting: number
}

export function createSharedWork<Value>(): SharedWork<Value> {
  const running = new Map<string, Running<Value>>()

  const start = (key: string, work: (signal: AbortSignal) => Promise<Value>): Running<Value> => {
    const abort = new AbortController()
    const started: Running<Value> = { result: work(abort.signal), abort, waiting: 0 }
    running.set(key, started)
    const end = (): void => {
      if (running.get(key) === started) running.delete(key)
    }
    started.result.then(end, end)
    return started
  }

  return async (key, signal, work) => {
    signal.throwIfAborted()
    const joined = running.get(key) ?? start(key, work)
    joined.waiting++
    let leave = (): void => undefined
    const left = new Promise<never>((_resolve, reject) => {
      leave = () => {
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is the caller's own
        reject(signal.reason)
      }
    })
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([joined.result, left])
    } finally {
      signal.removeEventListener('abort', leave)
      joined.waiting--
      if (joined.waiting === 0 && running.get(key) === joined) {
        running.delete(key)
        joined.abort.abort(signal.reason)
      }
    }
  }
}
