/**
 * A sandbox process that was taken over says whatever it likes over its pipe. Whatever that is: the runner lives and
 * keeps its memory, hears no request that was not in turn, other calls are unharmed, and the next call works.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { FRAME_BYTES_MAX, SANDBOX_STRAY_FRAMES_MAX } from '../../runtime/limits.ts'
import type { ProcessHost, SandboxChild } from '../../runtime/ports.ts'
import { createFrameReader, encodeFrame, FRAME, type FrameKind } from '../../runtime/sandbox/frames.ts'
import { parseCapabilityRequest, parseEnd, parseScriptRequest } from '../../runtime/sandbox/protocol.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { callOf, ok, openSandbox, play, processes, toolOf, valueOf } from '../support/sandbox.ts'

const HOST_GROWTH_BYTES = 50 * 1024 * 1024
const WALL_MS = 1500
const timer = '{"op":"timer","delayMs":1}'

/** Says these bytes once a call has started; `call` is its number. */
type Plot = (call: number) => Iterable<Uint8Array>

const frame = (kind: number, call: number, ordinal: number, payload = ''): Uint8Array =>
  encodeFrame(kind as FrameKind, call, ordinal, payload)
const end = (call: number, payload: string): Uint8Array => frame(FRAME.end, call, 0, payload)
const ended = (value: string) => (call: number) => [end(call, `{"kind":"ok","value":${value}}`)]

function raw(kind: number, call: number, ordinal: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.from(frame(kind, call, ordinal))
  head.writeUInt32BE(payload.length + 9, 0)
  return Buffer.concat([head, payload])
}

function* times(count: number, make: (index: number) => Uint8Array): Iterable<Uint8Array> {
  for (let index = 0; index < count; index += 1) yield make(index)
}

/** The first process lies, in this one's own memory; those that follow are real. */
function lying(plot: Plot, hello: readonly Uint8Array[] = [frame(FRAME.ready, 0, 0, '{}')]): ProcessHost {
  let isFirst = true
  const spawnSandbox: ProcessHost['spawnSandbox'] = (command) => {
    if (!isFirst) return processes.spawnSandbox(command)
    isFirst = false
    return liar(plot, hello)
  }
  return { ...processes, spawnSandbox }
}

function liar(plot: Plot, hello: readonly Uint8Array[]): SandboxChild {
  let tell: (chunk: Buffer) => void = () => undefined
  let exit: (how: string) => void = () => undefined
  let isDead = false
  let hasLied = false
  const read = createFrameReader(64 * 1024 * 1024)
  setImmediate(() => hello.forEach((bytes) => tell(Buffer.from(bytes))))
  const lie = async (call: number): Promise<void> => {
    let said = 0
    for (const bytes of plot(call)) {
      if (isDead) return
      tell(Buffer.from(bytes))
      // As a pipe would: never the whole flood in one turn of the event loop.
      if ((said += bytes.length) > 65_536) said = await new Promise((resolve) => setImmediate(resolve, 0))
    }
  }
  return {
    write: (chunk) => {
      const start = read(Buffer.from(chunk)).find(({ kind }) => kind === FRAME.start)
      if (start !== undefined && !hasLied) {
        hasLied = true
        setImmediate(() => void lie(start.call))
      }
      return 0
    },
    onData: (listener) => (tell = listener),
    onExit: (listener) => (exit = listener),
    kill: () => {
      isDead = true
      setImmediate(() => exit('signal SIGKILL'))
    },
    residentBytes: () => 0,
  }
}

const CRASH = { kind: 'killed', cause: 'crash' }
const TIMEOUT = { kind: 'killed', cause: 'timeout' }
const FAILED = { kind: 'failed' }

/** What the call comes to where it is alone, and how many requests the host may have heard of it. */
const LIES: readonly (readonly [name: string, plot: Plot, end: object, requests?: number])[] = [
  // The channel for parts of the platform.
  ['a part of no platform', (call) => [frame(FRAME.need, call, 0, 'fs')], CRASH],
  ['a part named __proto__', (call) => [frame(FRAME.need, call, 0, '__proto__')], CRASH],
  ['a part named constructor', (call) => [frame(FRAME.need, call, 0, 'constructor')], CRASH],
  ['a part without a name', (call) => [frame(FRAME.need, call, 0)], CRASH],
  ['a part of a path', (call) => [frame(FRAME.need, call, 0, '../../../etc/passwd')], CRASH],
  ['a part and a NUL', (call) => [frame(FRAME.need, call, 0, 'url\0')], CRASH],
  ['a part and a line', (call) => [frame(FRAME.need, call, 0, 'url\nurl')], CRASH],
  ['a part of ten megabytes', (call) => [frame(FRAME.need, call, 0, 'x'.repeat(1e7))], CRASH],
  ['a part twice', (call) => [frame(FRAME.need, call, 0, 'url'), frame(FRAME.need, call, 0, 'url')], CRASH],
  ['a part under an ordinal', (call) => [frame(FRAME.need, call, 4_294_967_295, 'url')], TIMEOUT],
  ['a part for no call', () => [frame(FRAME.need, 0, 0, 'url'), frame(FRAME.need, 77, 0, 'encoding')], TIMEOUT],
  ['a part of no platform for no call', () => [frame(FRAME.need, 77, 0, 'evil')], CRASH],
  [
    'a flood of parts for no call',
    () => times(SANDBOX_STRAY_FRAMES_MAX + 9, () => frame(FRAME.need, 0, 0, 'url')),
    CRASH,
  ],
  [
    'a part after the end',
    (call) => [...ended('1')(call), frame(FRAME.need, call, 0, 'evil')],
    { kind: 'ok', value: 1 },
  ],
  // Requests.
  ['a request before its turn', (call) => [frame(FRAME.request, call, 1, timer)], CRASH],
  ['a request of the last ordinal', (call) => [frame(FRAME.request, call, 4_294_967_295, timer)], CRASH],
  ['a request again', (call) => [frame(FRAME.request, call, 0, timer), frame(FRAME.request, call, 0, timer)], CRASH, 1],
  [
    'a request of the past',
    (call) => [...times(5, (at) => frame(FRAME.request, call, at, timer)), frame(FRAME.request, call, 3, timer)],
    CRASH,
    5,
  ],
  ['more requests than it may', (call) => times(60, (at) => frame(FRAME.request, call, at, timer)), CRASH, 50],
  [
    'requests of other calls',
    (call) => times(100, (at) => frame(FRAME.request, call + 1 + (at % 9), at, timer)),
    TIMEOUT,
    0,
  ],
  [
    'requests of call 0 and of the last call',
    () => [frame(FRAME.request, 0, 0, timer), frame(FRAME.request, 4_294_967_295, 0, timer)],
    TIMEOUT,
    0,
  ],
  [
    'a request after the end',
    (call) => [...ended('1')(call), frame(FRAME.request, call, 0, timer)],
    { kind: 'ok', value: 1 },
    0,
  ],
  [
    'a print after the end',
    (call) => [...ended('1')(call), frame(FRAME.log, call, 0, 'log\nlate')],
    { kind: 'ok', value: 1 },
    0,
  ],
  // Ends.
  ['an end twice', (call) => [...ended('1')(call), ...ended('2')(call)], { kind: 'ok', value: 1 }],
  ['an end for another call', (call) => ended('1')(call + 1), TIMEOUT],
  ['an end that is empty', (call) => [end(call, '')], CRASH],
  ['an end that is an array', (call) => [end(call, '[]')], CRASH],
  ['an end without a value', (call) => [end(call, '{"kind":"ok"}')], CRASH],
  [
    'an end of two kinds',
    (call) => [end(call, '{"kind":"ok","value":1,"kind":"limit","limit":"memory","message":"m"}')],
    CRASH,
  ],
  [
    'an end of the same kind twice',
    (call) => [end(call, '{"kind":"failed","kind":"ok","value":2}')],
    { kind: 'ok', value: 2 },
  ],
  ['an end with NaN', ended('NaN'), CRASH],
  ['an end with a text after it', (call) => [end(call, '{"kind":"ok","value":1}{}')], CRASH],
  ['an end with a mark before it', (call) => [end(call, '\ufeff{"kind":"ok","value":1}')], CRASH],
  [
    'an end that names a limit of no guest',
    (call) => [end(call, '{"kind":"limit","limit":"closed","message":"m"}')],
    CRASH,
  ],
  ['an end of the host’s own kind', (call) => [end(call, '{"kind":"killed","cause":"crash","message":"m"}')], CRASH],
  ['an end with a prototype', (call) => [end(call, '{"__proto__":{"kind":"ok"},"value":1}')], CRASH],
  [
    'an error with a prototype',
    (call) => [end(call, '{"kind":"failed","error":{"name":"E","message":"m","__proto__":{"code":"E_DENIED"}}}')],
    CRASH,
  ],
  ['an error that is null', (call) => [end(call, '{"kind":"failed","error":null}')], CRASH],
  [
    'an error whose code is an object',
    (call) => [end(call, '{"kind":"failed","error":{"name":"E","code":{},"message":"m"}}')],
    CRASH,
  ],
  [
    'an error of NULs and marks',
    (call) => [end(call, '{"kind":"failed","error":{"name":"\\u0000","message":"\\u202e\\ud800"}}')],
    FAILED,
  ],
  ['invalid UTF-8', (call) => [raw(FRAME.end, call, 0, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))], CRASH],
  [
    'half a character',
    (call) => [
      raw(
        FRAME.end,
        call,
        0,
        Buffer.concat([Buffer.from('{"kind":"ok","value":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}')]),
      ),
    ],
    { kind: 'ok', value: '\ufffd' },
  ],
  ['a deep end', ended('['.repeat(2e5) + ']'.repeat(2e5)), { kind: 'ok' }],
  ['a result over its limit', ended(`"${'x'.repeat(3e6)}"`), CRASH],
  ['a result of many keys', ended(`{${Array.from({ length: 5e4 }, (_, at) => `"k${at}":1`).join()}}`), { kind: 'ok' }],
  // Frames.
  ['a kind of the host', (call) => [frame(FRAME.start, call, 0, '{}')], CRASH],
  ['each kind that is none', (call) => times(3, (at) => frame(200 + at, call, 0)), CRASH],
  ['kind 0', (call) => [frame(0, call, 0)], CRASH],
  ['a second ready', (call) => [frame(FRAME.ready, call, 0, '{}')], CRASH],
  [
    'a ready for no call after the end',
    (call) => [...ended('1')(call), frame(FRAME.ready, 0, 0)],
    { kind: 'ok', value: 1 },
  ],
  ['a length of 4 GB', () => [Buffer.from([255, 255, 255, 255])], CRASH],
  [
    'a length just over the cap',
    () => [Buffer.from([...new Uint8Array(new Uint32Array([FRAME_BYTES_MAX + 1]).buffer)].toReversed())],
    CRASH,
  ],
  ['a length that holds no header', () => [Buffer.from([0, 0, 0, 8, 5])], CRASH],
  ['half a header', () => [Buffer.from([0, 0])], TIMEOUT],
  ['half a frame', (call) => [Buffer.from(ended('1')(call)[0] ?? []).subarray(0, 20)], TIMEOUT],
  [
    'a frame in single bytes',
    function* (call) {
      for (const byte of ended('7')(call)[0] ?? []) yield Buffer.from([byte])
    },
    { kind: 'ok', value: 7 },
  ],
  [
    'two frames in one chunk, cut anywhere',
    (call) => {
      const both = Buffer.concat([frame(FRAME.log, call, 0, 'log\nx'), ...ended('7')(call)])
      return [both.subarray(0, 15), both.subarray(15, 24), both.subarray(24)]
    },
    { kind: 'ok', value: 7 },
  ],
  [
    'idles that say anything',
    (call) => [
      ...['', 'NaN', '-1', '1e999', '{}', '0'].map((text) => frame(FRAME.idle, call, 9, text)),
      ...ended('1')(call),
    ],
    { kind: 'ok', value: 1 },
  ],
  [
    'a print without a level',
    (call) => [frame(FRAME.log, call, 0, 'nothing'), ...ended('1')(call)],
    { kind: 'ok', value: 1 },
  ],
  ['a flood of prints', (call) => times(1e6, () => frame(FRAME.log, call, 0, `log\n${'x'.repeat(1000)}`)), CRASH],
  ['a flood of idles', (call) => times(1e6, () => frame(FRAME.idle, call, 0, '0')), TIMEOUT],
  ['a flood of empty frames for no call', () => times(1e6, () => frame(FRAME.log, 0, 0)), CRASH],
  [
    'large requests that are never answered',
    (call) => times(5, (at) => frame(FRAME.request, call, at, `{"op":"fs.read","path":"${'x'.repeat(1e6)}"}`)),
    TIMEOUT,
    5,
  ],
]

let open: Sandbox | undefined
afterEach(() => open?.close())

describe('a process that lies about a call that is alone in it', () => {
  const rows = LIES.map(([name, plot, expected, requestsMax = 0]) => ({ name, plot, expected, requestsMax }))
  test.each(rows)('$name', { timeout: 20_000 }, async ({ plot, expected, requestsMax }) => {
    open = await openSandbox({ outerWall: false, processes: lying(plot) })
    await open.start()
    globalThis.gc?.()
    const before = process.memoryUsage.rss()
    const call = callOf(toolOf('return 1'), { limits: { wallMs: WALL_MS, requestsMax: 50, logBytesMax: 4096 } })
    const heard: string[] = []
    const logs: string[] = []
    const run = open.run(call, {
      onRequest: (ordinal, payload) => {
        expect(ordinal).toBe(heard.length)
        heard.push(payload.slice(0, 100))
      },
      onLog: (level, text) => void logs.push(level + text),
    })
    const said = await run.ended
    expect(said).toMatchObject(expected)
    expect(heard.length).toBeLessThanOrEqual(requestsMax)
    expect(said.requests).toBe(heard.length)
    expect(said.deliveries).toBe(0)
    expect(logs.join('').length).toBeLessThanOrEqual(4 * call.limits.logBytesMax)
    expect(process.memoryUsage.rss() - before).toBeLessThan(HOST_GROWTH_BYTES)
    expect(Reflect.get({}, 'kind')).toBeUndefined()
  })
})

describe('a process that lies before it is ready', () => {
  const hellos: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['a part', [frame(FRAME.need, 1, 0, 'url')]],
    ['a request', [frame(FRAME.request, 1, 0, timer)]],
    ['an end', ended('1')(1)],
    ['a print', [frame(FRAME.log, 1, 0, 'log\nx')]],
    ['noise', [Buffer.alloc(64, 0xff)]],
    ['ready twice', [frame(FRAME.ready, 0, 0), frame(FRAME.ready, 0, 0)]],
  ]
  test.each(hellos)('%s', async (_name, hello) => {
    open = await openSandbox({ outerWall: false, processes: lying(() => [], hello) })
    const first = await play(open, callOf(toolOf('return 1'), { limits: { wallMs: WALL_MS } }))
    expect(first.requests).toEqual([])
    expect(['killed', 'ok']).toContain(first.end.kind)
    expect(valueOf(await play(open, callOf(toolOf('return 2'))))).toBe(2)
  })
})

describe('a process that lies about one of two calls', () => {
  // Each ends the process: both calls are driven again in real ones, and what was said of them is void.
  const deadly = new Set([
    'a part of no platform',
    'a part twice',
    'a request again',
    'an end with NaN',
    'a second ready',
    'a length of 4 GB',
    'kind 0',
  ])
  const rows = LIES.filter(([name]) => deadly.has(name)).map(([name, plot]) => ({ name, plot }))
  test.each(rows)('$name', { timeout: 30_000 }, async ({ plot }) => {
    open = await openSandbox({ outerWall: false, processes: lying(plot) })
    await open.start()
    const body = (value: string): string => `await new Promise((r) => setTimeout(r, 1)); return '${value}'`
    const calls = ['one', 'two'].map((value) => callOf(toolOf(body(value)), { limits: { wallMs: 10_000 } }))
    const [one, two] = await Promise.all(calls.map((call) => play(open ?? expect.fail(), call, () => ok())))
    expect(one && valueOf(one)).toBe('one')
    expect(two && valueOf(two)).toBe('two')
    // Once each, whatever the liar had asked for in their name, and the same as before.
    expect(one?.requests).toHaveLength(1)
    expect(two?.requests).toHaveLength(1)
    expect(valueOf(await play(open, callOf(toolOf('return 3'))))).toBe(3)
  })

  test('negative control: a process that says a proper end is believed', async () => {
    open = await openSandbox({ outerWall: false, processes: lying(ended('"forged"')) })
    expect(valueOf(await play(open, callOf(toolOf('return 1'))))).toBe('forged')
  })
})

describe('requests that are none', () => {
  const path = 'x'.repeat(5000)
  test.each([
    '',
    'null',
    '[]',
    '1',
    '"fs.read"',
    '{',
    '{}',
    `${'['.repeat(1e5)}`,
    '\0',
    '\ufeff{"op":"timer","delayMs":1}',
    '{"op":"fs.read"}',
    '{"op":"fs.read","path":1}',
    '{"op":"fs.read","path":null}',
    '{"op":"fs.read","path":["a"]}',
    `{"op":"fs.read","path":"${path}"}`,
    '{"op":"fs.read","path":"a","more":1}',
    '{"op":"fs.read","path":"a","__proto__":{"x":1}}',
    '{"__proto__":{"op":"fs.read","path":"a"}}',
    '{"op":"__proto__"}',
    '{"op":"constructor","path":"a"}',
    '{"op":"FS.READ","path":"a"}',
    '{"op":"timer","delayMs":1e999}',
    '{"op":"timer","delayMs":-1}',
    '{"op":"timer","delayMs":0.5}',
    '{"op":"timer","delayMs":NaN}',
    '{"op":"timer","delayMs":2147483648}',
    '{"op":"timer","delayMs":"1"}',
    '{"op":"fs.readRange","path":"a","position":9007199254740993,"length":1}',
    '{"op":"fs.readRange","path":"a","position":0,"length":1e15}',
    '{"op":"fs.write","path":"a","data":"%%%","how":"replace"}',
    '{"op":"fs.write","path":"a","data":"","how":"truncate"}',
    '{"op":"fs.delete","path":"a","kind":"any"}',
    '{"op":"spawn","file":"sh"}',
    '{"op":"call","tool":"x","arguments":"{}"}',
    '{"op":"http","method":"get","url":"https://h"}',
    '{"op":"http","method":"GET","url":"https://h","headers":[["X\\r\\nY","1"]]}',
    '{"op":"http","method":"GET","url":"https://h","headers":{"a":"b"}}',
  ])('%s', (payload) => {
    expect(parseCapabilityRequest(payload)).toBeUndefined()
  })

  test('duplicate keys: the last one counts, for the decision and for what is done', () => {
    expect(parseCapabilityRequest('{"op":"fs.read","path":"a","path":"b"}')).toEqual({ op: 'fs.read', path: 'b' })
  })

  test('a script asks for calls and timers and for nothing else', () => {
    expect(parseScriptRequest('{"op":"fs.read","path":"a"}')).toBeUndefined()
    expect(parseScriptRequest('{"op":"call","tool":"x","arguments":"{}","approved":true}')).toBeUndefined()
    expect(parseScriptRequest('{"op":"call","tool":"x","arguments":"{}"}')).toEqual({
      op: 'call',
      tool: 'x',
      arguments: '{}',
    })
  })

  test('a value of an end is data: no prototype, however its keys are named', () => {
    const said = parseEnd('{"kind":"ok","value":{"__proto__":{"polluted":1},"a":-0,"b":1e999}}')
    const value: unknown = said.kind === 'ok' ? said.value : undefined
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Reflect.get(Object(value), 'polluted')).toBeUndefined()
  })
})
