import { expect, test } from 'vitest'
import { places } from '../runtime/node-web-places.ts'

test('who gives up when his place has come takes nobody else out of the line', async () => {
  const room = places(1, 1)
  const never = new AbortController().signal
  const leaving = new AbortController()
  const leave = await room.take('a', never)
  const given = room.take('a', leaving.signal)
  const last = room.take('a', never)
  leave()
  leaving.abort(new Error('left'))
  await expect(given).rejects.toThrow('left')
  const taken = await Promise.race([last, new Promise((resolve) => setTimeout(resolve, 100))])
  expect(taken).toBeTypeOf('function')
})
