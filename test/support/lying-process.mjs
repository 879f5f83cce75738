// A sandbox process that was taken over and lies to its host. Arguments: what it does once a call is started.
import { Socket } from 'node:net'

const [, , , plot = ''] = process.argv
const READY = 1
const REQUEST = 2
const IDLE = 3
const LOG = 4
const END = 5
const START = 17

function frame(kind, call, ordinal, payload) {
  const bytes = Buffer.from(payload)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(bytes.length + 9, 0)
  head.writeUInt8(kind, 4)
  head.writeUInt32BE(call, 5)
  head.writeUInt32BE(ordinal, 9)
  return Buffer.concat([head, bytes])
}

const pipe = new Socket({ fd: 3, readable: true, writable: true })
pipe.on('error', () => process.exit(0))
// A host that is gone must not leave a liar behind, whatever it is busy with.
setTimeout(() => process.exit(0), 20_000)
const write = (bytes) =>
  new Promise((resolve) => (pipe.write(bytes) ? setImmediate(resolve) : pipe.once('drain', resolve)))
async function flood(bytes) {
  const many = Buffer.concat(Array.from({ length: 500 }, () => bytes))
  for (;;) await write(many)
}
const timer = '{"op":"timer","delayMs":1}'

const PLOTS = {
  drip: async (call) => {
    const large = frame(REQUEST, call, 0, 'x'.repeat(20_000_000))
    for (let at = 0; ; at += 1) await write(large.subarray(at, at + 1))
  },
  'flood of idles': (call) => flood(frame(IDLE, call, 0, '0')),
  'flood of prints': (call) => flood(frame(LOG, call, 0, 'log\nmore')),
  'flood of empty prints': (call) => flood(frame(LOG, call, 0, '')),
  'flood for another call': (call) => flood(frame(IDLE, call + 1, 0, '0')),
  'flood of requests': async (call) => {
    for (let ordinal = 0; ; ordinal += 1) await write(frame(REQUEST, call, ordinal, timer))
  },
  'one large print': (call) => write(frame(LOG, call, 0, `log\n${'x'.repeat(20_000_000)}`)),
  replay: async (call) => {
    await write(frame(REQUEST, call, 0, timer))
    await write(frame(REQUEST, call, 0, timer))
  },
  'half a frame': (call) => write(frame(END, call, 0, '{"kind":"ok","value":1}').subarray(0, 20)),
  'a closed pipe': () => pipe.destroy(),
  'nothing read': async (call) => {
    pipe.pause()
    for (let ordinal = 0; ordinal < 400; ordinal += 1) await write(frame(REQUEST, call, ordinal, timer))
  },
  noise: () => flood(Buffer.alloc(1000, 0xff)),
  'a cause of its own': (call) => write(frame(END, call, 0, '{"kind":"limit","limit":"E_STOPPED","message":"m"}')),
  'a deep result': (call) =>
    write(frame(END, call, 0, `{"kind":"ok","value":${'['.repeat(500_000)}${']'.repeat(500_000)}}`)),
  'a result with __proto__': (call) =>
    write(frame(END, call, 0, '{"kind":"ok","value":1,"__proto__":{"kind":"failed"}}')),
  'a result over its limit': (call) => write(frame(END, call, 0, `{"kind":"ok","value":"${'x'.repeat(4_000_000)}"}`)),
  'the end twice': async (call) => {
    for (const value of [1, 2]) await write(frame(END, call, 0, `{"kind":"ok","value":${value}}`))
  },
  'an exit': () => process.exit(0),
  'an abort': () => process.abort(),
}

if (plot === 'silence') setInterval(() => undefined, 1000)
else if (plot === 'a call before ready') pipe.write(frame(REQUEST, 1, 0, timer))
else if (plot === 'no life at all') process.exit(3)
else pipe.write(frame(READY, 0, 0, '{}'))

let held = Buffer.alloc(0)
pipe.on('data', (chunk) => {
  held = Buffer.concat([held, chunk])
  while (held.length >= 13 && held.length >= held.readUInt32BE(0) + 4) {
    if (held.readUInt8(4) === START) void PLOTS[plot]?.(held.readUInt32BE(5))
    held = held.subarray(held.readUInt32BE(0) + 4)
  }
})
