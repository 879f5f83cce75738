import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSpares } from '../../runtime/sandbox/spares.ts'

let made: PromiseWithResolvers<number>[]
let dropped: number[]

beforeEach(() => {
  vi.useFakeTimers()
  made = []
  dropped = []
})
afterEach(() => vi.useRealTimers())

function opened() {
  return createSpares<number>({
    boot: () => {
      const isolate = Promise.withResolvers<number>()
      made.push(isolate)
      return isolate.promise
    },
    drop: (isolate) => void dropped.push(isolate),
  })
}

/** Whatever is being made is done, and so on, until nothing more is made. */
async function finishAll(): Promise<void> {
  for (let index = 0; index < made.length; index += 1) {
    made[index]?.resolve(index)
    await vi.advanceTimersByTimeAsync(0)
  }
}

test('one is made ahead, one at a time, and each is given out once', async () => {
  const spares = opened()
  spares.fill()
  spares.fill()
  expect(made).toHaveLength(1)
  await finishAll()
  expect(made).toHaveLength(1)
  expect(await spares.take()).toBe(0)
  expect(made).toHaveLength(1)
  spares.fill()
  await finishAll()
  expect(await spares.take()).toBe(1)
})

test('what is being made is given out as well, and where there is nothing a new one is made', async () => {
  const spares = opened()
  spares.fill()
  const [first, second] = [spares.take(), spares.take()]
  expect(made).toHaveLength(2)
  await finishAll()
  expect(await Promise.all([first, second])).toEqual([0, 1])
})

test('a call that keeps the processor holds up the next one for a moment and no longer', async () => {
  const spares = opened()
  spares.fill()
  await finishAll()
  await spares.take()
  await vi.advanceTimersByTimeAsync(19)
  expect(made).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(made).toHaveLength(2)
})

test('as many are kept as were taken side by side, up to four, and but one when they are not wanted any more', async () => {
  const spares = opened()
  for (let call = 0; call < 6; call += 1) void spares.take()
  await finishAll()
  spares.fill()
  await finishAll()
  expect(made).toHaveLength(6 + 4)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(dropped).toEqual([7, 8, 9])
  expect(await spares.take()).toBe(6)
})

test('one that cannot be made is not given out, and the next call has one made', async () => {
  const spares = opened()
  spares.fill()
  made[0]?.reject(new Error('no memory'))
  await vi.advanceTimersByTimeAsync(0)
  const taken = spares.take()
  made[1]?.resolve(1)
  expect(await taken).toBe(1)
})
