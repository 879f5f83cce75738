/** Trails of which every hash is right, and which are not in the format. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { TRAIL_DEPTH_MAX } from '../../runtime/limits.ts'
import { forgeTrail, type ForgedEvent } from '../support/forged-trail.ts'
import { readTrail, temporaryTrail } from '../support/trail.ts'

const RUN = '01M877R8WG7GHYK2TBAS4FWAQ3'
const at = { run: RUN, ts: 5 }
const EVENTS: readonly ForgedEvent[] = [
  { ...at, kind: 'run.start', data: { agent: 'a', $own: ['10', { 10: 1, 9: 2 }, -0, new Uint8Array(2)] } },
  { ...at, kind: 'message', data: { index: 0, item: { content: 'x'.repeat(5000) } } },
  { ...at, kind: 'tool.call', call: 'c', data: { tool: 't' } },
  {
    ...at,
    kind: 'host.request',
    call: 'c',
    ordinal: 0,
    data: { request: {}, list: Array.from({ length: 40_000 }, () => 'list') },
  },
  { ...at, kind: 'log', call: 'c', data: { text: '\ud800'.repeat(5000) } },
  { ...at, kind: 'run.end', data: { status: 'completed' } },
]

const BODIES = new Map<string, Uint8Array>()
/** What stands for a body with these bytes. */
function body(as: string, bytes: Uint8Array | string): string {
  const content = Buffer.from(bytes)
  const name = createHash('sha256').update(content).digest('hex')
  BODIES.set(name, content)
  return `{"$body":"${name}","as":"${as}"}`
}

const message = (text: string): readonly ForgedEvent[] =>
  EVENTS.map((event) => (event.kind === 'message' ? { ...event, text } : event))
const changed = (kind: string, change: Partial<ForgedEvent>): readonly ForgedEvent[] =>
  EVENTS.map((event) => (event.kind === kind ? { ...event, ...change } : event))
const everywhere = (change: (event: ForgedEvent) => Partial<ForgedEvent>): readonly ForgedEvent[] =>
  EVENTS.map((event) => ({ ...event, ...change(event) }))
const item = (text: string): readonly ForgedEvent[] => message(`{"index":0,"item":${text}}`)
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

async function verified(events: readonly ForgedEvent[]): Promise<readonly [whole: unknown, run: unknown]> {
  using trail = temporaryTrail()
  await forgeTrail(trail.path, events, BODIES)
  const run = events[0]?.run ?? ''
  return readTrail(trail.path, (reader) => [reader.verifyAll(), reader.verifyRun(run)])
}

test('a trail in the format is whole', async () => {
  expect(await verified(EVENTS)).toMatchObject([
    { ok: true, size: EVENTS.length },
    { ok: true, ended: true },
  ])
  expect(await verified(item(nested(TRAIL_DEPTH_MAX)))).toMatchObject([{ ok: true }, { ok: true }])
})

const EXPAND = JSON.stringify(Array.from({ length: 20_000 }, () => 'list'))

test.each<[string, readonly ForgedEvent[], RegExp]>([
  ['data that is no JSON', message('no json'), /no JSON/],
  ['data that is no object', message('42'), /no object/],
  ['data that is a body', message(body('json', EXPAND)), /no object/],
  ['white space', message('{"index":0, "item":1}'), /one form/],
  ['white space before the name of a body', item(`{ "$body":"${'ab'.repeat(32)}","as":"text"}`), /one form/],
  ['unsorted keys', message('{"item":1,"index":0}'), /one form/],
  ['a key twice', message('{"index":7,"index":0,"item":1}'), /one form/],
  ['a number in other words', message('{"index":0e0}'), /one form/],
  ['a character in other words', item('"\\u0041"'), /one form/],
  ['a $number that is one', item('{"$number":"0x10"}'), /one form/],
  ['$bytes that are no base64', item('{"$bytes":"!!!"}'), /one form/],
  ['an unknown key with one $', item('{"$else":1}'), /holds no string/],
  ['a long text in its place', item(JSON.stringify('x'.repeat(5000))), /one form/],
  ['a short text as a body', item(body('text', 'short')), /one form/],
  ['a text that is no UTF-8 as a body', item(body('text', Buffer.alloc(5000, 0xff))), /one form/],
  ['a well-formed text as UTF-16', item(body('utf16', Buffer.from('x'.repeat(5000), 'utf16le'))), /one form/],
  ['a list with white space as a body', item(body('json', EXPAND.replace(',', ', '))), /one form/],
  ['a short list as a body', item(body('json', '[1]')), /one form/],
  ['a body that does not exist', item(`{"$body":"${'ab'.repeat(32)}","as":"text"}`), /is missing/],
  ['a body without a hash', item('{"$body":"zz","as":"text"}'), /is missing/],
  ['nesting', item(nested(TRAIL_DEPTH_MAX + 1)), /nested deeper/],
  ['much nesting', item(nested(5000)), /nested deeper/],
  [
    'nesting by way of a body',
    item(`${'['.repeat(TRAIL_DEPTH_MAX)}${body('json', EXPAND)}${']'.repeat(TRAIL_DEPTH_MAX)}`),
    /nested deeper/,
  ],
  [
    'nesting by way of a body that is no deeper elsewhere',
    message(
      `{"a":${body('json', EXPAND)},"b":${'['.repeat(TRAIL_DEPTH_MAX)}${body('json', EXPAND)}${']'.repeat(TRAIL_DEPTH_MAX)}}`,
    ),
    /nested deeper/,
  ],
  ['an unknown kind', changed('message', { kind: 'approval\u001b[31m' }), /no such kind/],
  ['a kind that every object has', changed('message', { kind: 'constructor' }), /no such kind/],
  ['a message of a call', changed('message', { call: 'c' }), /of no call/],
  ['a message with an ordinal', changed('message', { ordinal: 5 }), /no ordinal/],
  ['a log of no call', changed('log', { call: undefined } as never), /names no call/],
  ['a request without an ordinal', changed('host.request', { ordinal: undefined } as never), /names no ordinal/],
  ['a request with a negative ordinal', changed('host.request', { ordinal: -1 }), /is no ordinal/],
  ['a time that is none', everywhere(() => ({ ts: 2 ** 53 - 1 })), /time/],
  ['a negative time', everywhere(() => ({ ts: -1 })), /older/],
  ['an id of a run that moves the cursor', everywhere(() => ({ run: 'a\u001b[31m\n' })), /no id of a run/],
  ['an id of a run without a character', everywhere(() => ({ run: '' })), /no id of a run/],
  ['two ends', [...EVENTS, ...EVENTS.slice(-1)], /has ended before/],
  ['an event after the end', [...EVENTS, ...EVENTS.slice(2, 3)], /has ended before/],
])('%s is no trail', async (_, events, why) => {
  const broken = { ok: false, why: expect.stringMatching(why) as string }
  expect(await verified(events)).toMatchObject([broken, broken])
})
