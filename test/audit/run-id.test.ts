import { expect, test } from 'vitest'

import { newRunId } from '../../runtime/audit/run-id.ts'

test('a run id is a ULID', () => {
  // The time of the example in the ULID specification.
  const id = newRunId({ now: () => 1_469_918_176_385 }, new Uint8Array(10).fill(255))
  expect(id).toBe('01ARYZ6S41ZZZZZZZZZZZZZZZZ')
})

test('later ids sort after earlier ones', () => {
  const ids = [0, 1, 1_700_000_000_000, 2 ** 48 - 1].map((now) => newRunId({ now: () => now }, new Uint8Array(10)))
  expect(ids.toSorted()).toEqual(ids)
  expect(ids.map((id) => id.length)).toEqual([26, 26, 26, 26])
})

test('too little entropy is a mistake', () => {
  expect(() => newRunId({ now: () => 0 }, new Uint8Array(9))).toThrow(/10 bytes/)
})
