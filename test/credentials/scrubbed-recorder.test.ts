import { describe, expect, test, vi } from 'vitest'
import type { NewEvent, RunRecorder } from '../../runtime/audit/event.ts'
import { createScrubber, type Hit } from '../../runtime/credentials/scrub/scrub.ts'
import { scrubbedRecorder } from '../../runtime/credentials/scrub/scrubbed-recorder.ts'

const SECRET = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'
const CUT = '[withheld: credential github]'

/** Keeps events as they come. */
function keeping(): { readonly recorder: RunRecorder; readonly events: NewEvent[] } {
  const events: NewEvent[] = []
  return {
    events,
    recorder: {
      run: 'run-1',
      append: (event) => events.push(event),
      commit: async (event) => events.push(event),
      barrier: async () => undefined,
    },
  }
}

function scrubbing(isEmpty = false): {
  readonly recorder: RunRecorder
  readonly events: NewEvent[]
  readonly onHit: (hits: readonly Hit[], kind: string) => void
} {
  const { recorder, events } = keeping()
  const scrubber = createScrubber()
  if (!isEmpty) scrubber.add({ credential: 'github', version: '3', value: SECRET, related: [] })
  const onHit = vi.fn<(hits: readonly Hit[], kind: string) => void>()
  return { recorder: scrubbedRecorder(recorder, scrubber, onHit), events, onHit }
}

describe('scrubbedRecorder()', () => {
  test('hands on the same event where nothing is secret', async () => {
    for (const isEmpty of [true, false]) {
      const { recorder, events, onHit } = scrubbing(isEmpty)
      const event: NewEvent = { kind: 'log', call: 'c', data: { text: 'ordinary', list: [1, null, true, 'x'] } }
      recorder.append(event)
      await recorder.commit(event)
      expect(events[0]).toBe(event)
      expect(events[1]).toBe(event)
      expect(onHit).not.toHaveBeenCalled()
    }
  })

  test.each<[string, NewEvent['data'], NewEvent['data']]>([
    ['a text', { text: `a ${SECRET} b` }, { text: `a ${CUT} b` }],
    ['a key', { [SECRET]: 1 }, { [CUT]: 1 }],
    ['bytes', { body: Buffer.from(SECRET) }, { body: Buffer.from(CUT) }],
    ['a list in a record', { a: { b: [null, 1, [SECRET]] } }, { a: { b: [null, 1, [CUT]] } }],
    ['an encoded text', { text: encodeURIComponent(JSON.stringify(`/${SECRET}`)) }, { text: `%22%2F${CUT}%22` }],
    ['a long text', { text: `${'a '.repeat(3000)}${SECRET}` }, { text: `${'a '.repeat(3000)}${CUT}` }],
    ['what is left out', { a: undefined, text: SECRET }, { a: undefined, text: CUT }],
  ])('replaces a secret in %s and tells', async (_name, data, expected) => {
    for (const act of ['append', 'commit'] as const) {
      const { recorder, events, onHit } = scrubbing()
      await recorder[act]({ kind: 'tool.outcome', call: 'c', data })
      expect(events).toEqual([{ kind: 'tool.outcome', call: 'c', data: expected }])
      expect(onHit).toHaveBeenCalledExactlyOnceWith(
        [{ credential: 'github', version: '3', how: 'cut' }],
        'tool.outcome',
      )
    }
    // The control: without the recorder the secret is there.
    const { recorder, events } = scrubbing(true)
    recorder.append({ kind: 'tool.outcome', call: 'c', data })
    expect(events).toEqual([{ kind: 'tool.outcome', call: 'c', data }])
  })

  test('replaces a secret in the name of a call', () => {
    const { recorder, events } = scrubbing()
    recorder.append({ kind: 'log', call: SECRET, data: { text: 'x' } })
    expect(events).toEqual([{ kind: 'log', call: CUT, data: { text: 'x' } }])
  })

  test('keeps the order, the time and the run of the recorder below', async () => {
    const { recorder, events } = scrubbing()
    expect(recorder.run).toBe('run-1')
    expect(recorder.append({ kind: 'log', call: 'c', data: { text: '1' } })).toBe(1)
    expect(await recorder.commit({ kind: 'log', call: 'c', data: { text: '2' } })).toBe(2)
    await recorder.barrier()
    expect(events.map(({ data }) => data['text'])).toEqual(['1', '2'])
  })

  test('makes no secret of two texts that make one only together', () => {
    const { recorder, events } = scrubbing()
    const event: NewEvent = { kind: 'log', data: { a: SECRET.slice(0, 20), b: SECRET.slice(20) } }
    recorder.append(event)
    expect(events[0]).toBe(event)
  })
})
