import { describe, expect, test } from 'vitest'
import { createSharedWork } from '../../runtime/credentials/sources/shared-work.ts'

/** Work that ends when it is told to, and counts. */
function work() {
  const signals: AbortSignal[] = []
  const ends: PromiseWithResolvers<string>[] = []
  return {
    signals,
    ends,
    start: (signal: AbortSignal): Promise<string> => {
      const end = Promise.withResolvers<string>()
      signals.push(signal)
      ends.push(end)
      return end.promise
    },
  }
}

const never = new AbortController().signal

describe('createSharedWork()', () => {
  test('runs once for one key at a time, and anew when it is over', async () => {
    const share = createSharedWork<string>()
    const { start, ends } = work()
    const [a, b, other] = [share('a', never, start), share('a', never, start), share('b', never, start)]
    expect(ends).toHaveLength(2)
    ends[0]?.resolve('one')
    ends[1]?.resolve('two')
    expect(await Promise.all([a, b, other])).toEqual(['one', 'one', 'two'])
    const again = share('a', never, start)
    expect(ends).toHaveLength(3)
    ends[2]?.reject(new Error('failed'))
    await expect(again).rejects.toThrow('failed')
    void share('a', never, start)
    expect(ends).toHaveLength(4)
  })

  test('is aborted when all have left, and nobody joins what was aborted', async () => {
    const share = createSharedWork<string>()
    const { start, signals, ends } = work()
    const [one, two] = [new AbortController(), new AbortController()]
    const [first, second] = [share('a', one.signal, start), share('a', two.signal, start)]
    one.abort(new Error('one left'))
    await expect(first).rejects.toThrow('one left')
    expect(signals[0]?.aborted).toBe(false)
    two.abort(new Error('two left'))
    await expect(second).rejects.toThrow('two left')
    expect(signals[0]?.aborted).toBe(true)
    const third = share('a', never, start)
    expect(signals).toHaveLength(2)
    // That the old one is over changes nothing for the new one.
    ends[0]?.reject(new Error('late'))
    const fourth = share('a', never, start)
    expect(signals).toHaveLength(2)
    ends[1]?.resolve('done')
    expect(await Promise.all([third, fourth])).toEqual(['done', 'done'])
  })

  test('starts nothing for who has left already', async () => {
    const { start, signals } = work()
    await expect(createSharedWork<string>()('a', AbortSignal.abort(new Error('left')), start)).rejects.toThrow('left')
    expect(signals).toEqual([])
  })
})
