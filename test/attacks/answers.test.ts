/** Servers that answer to do harm. Each case ends soon, with the name of what stopped it, and leaves no socket open. */
import type { Socket } from 'node:net'
import { deflateSync, gzipSync, zstdCompressSync, constants } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { HTTP_BLOCK_BYTES, HTTP_BUFFER_BYTES_MAX, HTTP_HEADERS_MAX } from '../../runtime/limits.ts'
import { nodeWebHost } from '../../runtime/node-web.ts'
import type { HttpOpenRequest } from '../../runtime/ports.ts'
import { authority } from '../support/authority.ts'
import { answered, rawServer } from '../support/raw-server.ts'
import type { Answer } from '../support/raw-server.ts'
import { bodyOf, webRequest } from '../support/web.ts'

const host = nodeWebHost()

afterAll(() => host.close())

/** The code that it ends with, or the body; and nothing is left of it. */
async function outcomeOf(answer: Answer, changes: Partial<HttpOpenRequest> = {}): Promise<string> {
  await using at = await rawServer(answer)
  const outcome = await host
    .open(webRequest(at.origin, changes))
    .then(bodyOf)
    .then((body) => (body.length < 100_000 ? body : `${body.length} bytes`))
    .catch((thrown: { code?: string }) => thrown.code ?? String(thrown))
  // A connection that is kept is in order; any other is closed.
  const isKept = !/^[A-Z]/.test(outcome)
  expect(await at.openSockets(isKept ? 1 : 0)).toBeLessThanOrEqual(isKept ? 1 : 0)
  expect(at.requests.length).toBeLessThanOrEqual(1)
  return outcome
}

/** Writes pieces as fast as they are taken, for as long as somebody is there. */
function endlessly(socket: Socket, piece: () => string | Buffer): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(piece()));
  }
  socket.on('drain', write)
  write()
}

/** Writes a piece every so many milliseconds. */
function slowly(socket: Socket, everyMs: number, piece: () => string): void {
  const timer = setInterval(() => socket.write(piece()), everyMs)
  socket.on('close', () => clearInterval(timer))
}

const MB = 1024 * 1024
const zeros = Buffer.alloc(64 * MB)
const bombs: readonly (readonly [string, Buffer])[] = [
  ['gzip', gzipSync(zeros)],
  ['deflate', deflateSync(zeros)],
  ['zstd', zstdCompressSync(zeros)],
]

describe('a compressed body', () => {
  test.each(bombs)('of %s that is a bomb stops at the cap, and at the ratio', async (encoding, bomb) => {
    const answer: Answer = (socket) => socket.write(answered(bomb, `content-encoding: ${encoding}\r\n`))
    const before = process.memoryUsage().rss
    expect(await outcomeOf(answer, { maxBytes: 2 * MB, maxRatio: 1e9 })).toBe('HTTP_BODY_TOO_LARGE')
    expect(await outcomeOf(answer, { maxBytes: 1024 * MB, maxRatio: 100 })).toBe('HTTP_BODY_RATIO')
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * MB)
    // Control: nothing else stops it.
    expect(await outcomeOf(answer, { maxBytes: 1024 * MB, maxRatio: 1e9 })).toBe(`${zeros.byteLength} bytes`)
  })

  test('within another is decompressed once', async () => {
    const inner = gzipSync(zeros)
    const answer: Answer = (socket) => socket.write(answered(gzipSync(inner), 'content-encoding: gzip\r\n'))
    expect(await outcomeOf(answer)).toBe(inner.toString('latin1'))
  })

  test('may become large within the first megabyte, whatever the ratio', async () => {
    const body = gzipSync(Buffer.alloc(MB))
    const answer: Answer = (socket) => socket.write(answered(body, 'content-encoding: gzip\r\n'))
    expect(await outcomeOf(answer, { maxRatio: 1 })).toBe(`${MB} bytes`)
  })

  const text = Buffer.from('hello '.repeat(1000))
  const packed: readonly (readonly [string, Buffer])[] = [
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['zstd', zstdCompressSync(text)],
  ]

  test.each(packed)('of %s is refused cut off, damaged and with more behind it', async (encoding, body) => {
    const encoded =
      (bytes: Uint8Array): Answer =>
      (socket) =>
        socket.write(answered(bytes, `content-encoding: ${encoding}\r\n`))
    expect(await outcomeOf(encoded(body))).toHaveLength(text.byteLength)
    expect(await outcomeOf(encoded(body.subarray(0, -1)))).toBe('HTTP_ENCODING')
    expect(await outcomeOf(encoded(body.subarray(0, 4)))).toBe('HTTP_ENCODING')
    expect(await outcomeOf(encoded(Buffer.concat([body, Buffer.alloc(1)])))).toBe('HTTP_ENCODING')
    // Frames of zstd may follow one another (RFC 8878 section 3), and both are the body.
    const twice = await outcomeOf(encoded(Buffer.concat([body, body])))
    if (encoding === 'zstd') expect(twice).toHaveLength(2 * text.byteLength)
    else expect(twice).toBe('HTTP_ENCODING')
    expect(await outcomeOf(encoded(text))).toBe('HTTP_ENCODING')
    const endless: Answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\n\r\n`)
      socket.write(body)
      endlessly(socket, () => Buffer.alloc(65_536))
    }
    expect(await outcomeOf(endless, { maxBytes: 1024 * MB })).toBe('HTTP_ENCODING')
  })

  test.each([
    'gzip, gzip',
    'gzip, br',
    'br',
    'compress',
    'lzma',
    'br\r\ncontent-encoding: gzip',
    'identity, gzip',
    'gzip;q=1',
  ])('in the encoding %j is refused', async (encoding) => {
    const answer: Answer = (socket) => socket.write(answered(gzipSync('hello'), `content-encoding: ${encoding}\r\n`))
    expect(await outcomeOf(answer)).toBe('HTTP_ENCODING')
  })

  test('of zstd may not ask for more memory than browsers give', async () => {
    const wide = (windowLog: number): Answer => {
      const body = zstdCompressSync(zeros, { params: { [constants.ZSTD_c_windowLog]: windowLog } })
      return (socket) => socket.write(answered(body, 'content-encoding: zstd\r\n'))
    }
    const changes = { maxBytes: 65 * MB, maxRatio: 1e9 }
    expect(await outcomeOf(wide(24), changes)).toBe('HTTP_ENCODING')
    expect(await outcomeOf(wide(23), changes)).toBe(`${zeros.byteLength} bytes`)
  })

  test('without a byte is empty', async () => {
    expect(await outcomeOf((socket) => socket.write(answered('', 'content-encoding: gzip\r\n')))).toBe('')
  })

  test('is not held while nobody reads', async () => {
    let written = 0
    await using at = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      endlessly(socket, () => {
        written += 65_536
        return Buffer.alloc(65_536)
      })
    })
    const exchange = await host.open(webRequest(at.origin, { maxBytes: 1024 * MB }))
    await new Promise((resolve) => setTimeout(resolve, 300))
    // What the kernel holds is not ours.
    expect(written).toBeLessThan(16 * MB)
    expect(written).toBeGreaterThan(HTTP_BUFFER_BYTES_MAX)
    expect(await exchange.read(10)).toHaveLength(10)
    exchange.close()
    expect(await at.openSockets(0)).toBe(0)
  })
})

test('a body in chunks of one byte is held in blocks, and read in as few pieces', async () => {
  const bytes = 100_000
  await using at = await rawServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    socket.write(`${'1\r\nx\r\n'.repeat(bytes)}0\r\n\r\n`)
  })
  const exchange = await host.open(webRequest(at.origin))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const pieces: number[] = []
  for (let piece = await exchange.read(MB); piece !== undefined; piece = await exchange.read(MB))
    pieces.push(piece.length)
  expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(bytes)
  expect(pieces.length).toBeLessThanOrEqual(Math.ceil(bytes / HTTP_BLOCK_BYTES) + 1)
})

describe('a connection that nobody reads from', () => {
  // undici's own pause ends the process here, where the answer says `connection: close`.
  test.each(['http', 'https'])('may be reset or closed over %s', async (scheme) => {
    const ca = await authority('ours')
    const tls = scheme === 'https' ? { tls: await ca.certify(['127.0.0.1']) } : {}
    for (const how of ['resets', 'ends', 'is closed', 'is read late'] as const) {
      await using at = await rawServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n')
        socket.write(Buffer.alloc(3 * MB, 'x'))
        if (how === 'ends' || how === 'is read late') socket.end()
        if (how === 'resets') setTimeout(() => at.accepted.at(-1)?.resetAndDestroy(), 50)
      }, tls)
      const exchange = await host.open(webRequest(at.origin, { authorities: ca.cert, maxBytes: 4 * MB }))
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (how === 'is closed') exchange.close()
      const body = bodyOf(exchange)
      if (how === 'is closed') await expect(body).rejects.toMatchObject({ code: 'HTTP_CLOSED' })
      else if (how === 'resets') await expect(body).rejects.toMatchObject({ code: 'ECONNRESET' })
      else expect(await body).toHaveLength(3 * MB)
      expect(await at.openSockets(0)).toBe(0)
    }
  })
})

describe('a body', () => {
  const head = 'HTTP/1.1 200 OK\r\n'
  test.each<readonly [string, Answer, string]>([
    [
      'larger than the cap, by its length',
      (socket) => socket.write(answered(Buffer.alloc(2 * MB))),
      'HTTP_BODY_TOO_LARGE',
    ],
    [
      'larger than the cap, without a length',
      (socket) => {
        socket.write(`${head}\r\n`)
        endlessly(socket, () => Buffer.alloc(65_536))
      },
      'HTTP_BODY_TOO_LARGE',
    ],
    ['shorter than its length', (socket) => socket.end(`${head}content-length: 10\r\n\r\nhello`), 'UND_ERR_SOCKET'],
    [
      'shorter than its length, silent',
      (socket) => socket.write(`${head}content-length: 10\r\n\r\nhello`),
      'HTTP_IDLE_TIMEOUT',
    ],
    [
      'with two lengths',
      (socket) => socket.write(`${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`),
      'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    ],
    ['with a length below zero', (socket) => socket.write(`${head}content-length: -5\r\n\r\nhello`), 'HTTP_MALFORMED'],
    [
      'with a length of another base',
      (socket) => socket.write(`${head}content-length: 0x5\r\n\r\nhello`),
      'HTTP_MALFORMED',
    ],
    [
      'with a length and in chunks',
      (socket) => socket.write(`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
      'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    ],
    [
      'in chunks without sizes',
      (socket) => socket.write(`${head}transfer-encoding: chunked\r\n\r\nhello\r\n`),
      'HTTP_MALFORMED',
    ],
    [
      'in a chunk of more than there is',
      (socket) => socket.write(`${head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`),
      'HTTP_MALFORMED',
    ],
    [
      'in chunks that stop',
      (socket) => socket.end(`${head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`),
      'UND_ERR_SOCKET',
    ],
    [
      'in chunks with an endless extension',
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n1;`)
        endlessly(socket, () => 'x'.repeat(65_536))
      },
      'HTTP_FRAMING',
    ],
    [
      'in chunks with many large extensions',
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n`)
        endlessly(socket, () => `1;${'x'.repeat(16_384)}\r\ny\r\n`)
      },
      'HTTP_FRAMING',
    ],
    [
      'with endless trailers',
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n0\r\n`)
        endlessly(socket, () => 'x: y\r\n'.repeat(100))
      },
      'UND_ERR_HEADERS_OVERFLOW',
    ],
    [
      'that comes too slowly',
      (socket) => {
        socket.write(`${head}content-length: 100\r\n\r\n`)
        slowly(socket, 1000, () => 'x')
      },
      'HTTP_IDLE_TIMEOUT',
    ],
    [
      'that is reset',
      (socket) => socket.write(`${head}content-length: 9\r\n\r\nx`, () => socket.resetAndDestroy()),
      'ECONNRESET',
    ],
  ])('%s', async (_what, answer, code) => {
    expect(await outcomeOf(answer, { idleTimeoutMs: code === 'HTTP_IDLE_TIMEOUT' ? 200 : 5000 })).toBe(code)
  })

  test.each<readonly [string, Answer]>([
    [
      'that drips within its time',
      (socket) => {
        socket.write(`${head}content-length: 5\r\n\r\n`)
        const pieces = 'hello'.split('')
        slowly(socket, 20, () => pieces.shift() ?? '')
      },
    ],
    [
      'in the smallest chunks',
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n`)
        for (const piece of 'hello') socket.write(`1;a=b\r\n${piece}\r\n`)
        socket.write('0\r\nx-trailer: y\r\n\r\n')
      },
    ],
    ['until the connection ends', (socket) => socket.end(`${head}\r\nhello`)],
    ['of HTTP/1.0', (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello')],
    [
      'after answers 1xx',
      (socket) => {
        socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
        socket.write(answered('hello'))
      },
    ],
  ])('control: one %s is read', async (_what, answer) => {
    expect(await outcomeOf(answer, { idleTimeoutMs: 1000 })).toBe('hello')
  })

  test('is read to where it failed, and then fails for good', async () => {
    await using at = await rawServer((socket) => socket.end(`${head}content-length: 10\r\n\r\nhello`))
    const exchange = await host.open(webRequest(at.origin))
    expect(Buffer.from((await exchange.read(100)) ?? []).toString()).toBe('hello')
    await expect(exchange.read(100)).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' })
    await expect(exchange.read(100)).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' })
  })
})

describe('headers', () => {
  test.each<readonly [string, Answer, string | RegExp]>([
    ['none', () => undefined, 'HTTP_HEADERS_TIMEOUT'],
    ['a half', (socket) => socket.write('HTTP/1.1 200 OK\r\nx:'), 'HTTP_HEADERS_TIMEOUT'],
    [
      'that drip',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        slowly(socket, 20, () => 'x: y\r\n')
      },
      'HTTP_HEADERS_TIMEOUT',
    ],
    [
      'without an end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        endlessly(socket, () => 'x: y\r\n'.repeat(100))
      },
      'UND_ERR_HEADERS_OVERFLOW',
    ],
    [
      'with one without an end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nx: ')
        endlessly(socket, () => 'y'.repeat(1000))
      },
      'UND_ERR_HEADERS_OVERFLOW',
    ],
    [
      'with a status text without an end',
      (socket) => {
        socket.write('HTTP/1.1 200 ')
        endlessly(socket, () => 'y'.repeat(1000))
      },
      /^HTTP_HEADERS_TIMEOUT|HTTP_FRAMING/,
    ],
    ['too many', (socket) => socket.write(answered('hello', 'x: y\r\n'.repeat(HTTP_HEADERS_MAX))), 'HTTP_HEADERS'],
    [
      'of answers 1xx without an end',
      (socket) => endlessly(socket, () => 'HTTP/1.1 103 Early Hints\r\n\r\n'),
      'HTTP_HEADERS',
    ],
    ['of another protocol', (socket) => socket.write('SSH-2.0-OpenSSH_9\r\n'), 'HTTP_MALFORMED'],
    ['of HTTP/2', (socket) => socket.write(Buffer.from('000000040000000000', 'hex')), 'HTTP_MALFORMED'],
    [
      'of an upgrade',
      (socket) => socket.write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'UND_ERR_SOCKET',
    ],
    ['with a NUL', (socket) => socket.write('HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n'), 'HTTP_MALFORMED'],
    ['with a bare CR', (socket) => socket.write('HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\n\r\n'), 'HTTP_MALFORMED'],
    [
      'with a bare LF',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\ncontent-length: 0\r\n\r\n'),
      'HTTP_MALFORMED',
    ],
    [
      'folded',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'),
      'HTTP_MALFORMED',
    ],
    ['with a space before the colon', (socket) => socket.write('HTTP/1.1 200 OK\r\nx : a\r\n\r\n'), 'HTTP_MALFORMED'],
    ['and a reset', (socket) => socket.resetAndDestroy(), 'ECONNRESET'],
    ['and an end', (socket) => socket.end(), 'UND_ERR_SOCKET'],
  ])('%s', async (_what, answer, code) => {
    const isWaited = String(code).includes('HTTP_HEADERS_TIMEOUT')
    const outcome = await outcomeOf(answer, { headersTimeoutMs: isWaited ? 300 : 5000 })
    if (typeof code === 'string') expect(outcome).toBe(code)
    else expect(outcome).toMatch(code)
  })

  test('are returned as they came: repeated ones repeated, a status text printable', async () => {
    await using at = await rawServer((socket) =>
      socket.write(
        Buffer.from('HTTP/1.1 200 a\x1b[31m\x9bb\tc\r\nX-A: 1\r\nx-a: \xe9\r\ncontent-length: 0\r\n\r\n', 'latin1'),
      ),
    )
    const { status, statusText, headers } = await host.open(webRequest(at.origin))
    expect({ status, statusText, headers }).toEqual({
      status: 200,
      statusText: 'a[31mbc',
      headers: [
        ['x-a', '1'],
        ['x-a', '\xe9'],
        ['content-length', '0'],
      ],
    })
  })
})

test('a server that closes whatever is dialled is not dialled again', async () => {
  await using at = await rawServer(() => undefined)
  const push = at.accepted.push.bind(at.accepted)
  for (const close of [(socket: Socket) => socket.destroy(), (socket: Socket) => socket.resetAndDestroy()]) {
    at.accepted.length = 0
    at.accepted.push = (socket) => {
      close(socket)
      return push(socket)
    }
    await expect(host.open(webRequest(at.origin))).rejects.toMatchObject({
      code: expect.stringMatching(/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/),
    })
    expect(at.accepted).toHaveLength(1)
  }
})

describe('a second answer behind the first', () => {
  const split = (socket: Socket): void => {
    socket.write(Buffer.concat([answered('first'), answered('poison')]))
  }

  test.each<readonly [string, Answer]>([
    ['in one piece', split],
    [
      'a moment later',
      (socket) => {
        socket.write(answered('first'))
        setTimeout(() => socket.write(answered('poison')), 20)
      },
    ],
    [
      'by a length that lies',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst${answered('poison').toString()}`),
    ],
    [
      'after 204',
      (socket) => socket.write(Buffer.concat([Buffer.from('HTTP/1.1 204 No\r\n\r\n'), answered('poison')])),
    ],
    [
      'after 304',
      (socket) =>
        socket.write(Buffer.concat([Buffer.from('HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n'), answered('poison')])),
    ],
  ])('%s is the answer to nothing', async (_what, answer) => {
    await using at = await rawServer((socket, request, count) => {
      if (count === 1) answer(socket, request, count)
      else socket.write(answered('second'))
    })
    const first = await host.open(webRequest(at.origin))
    expect(await bodyOf(first)).toMatch(/^(first)?$/)
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('second')
    expect(at.accepted).toHaveLength(2)
  })

  test('at once is the answer to nothing either', async () => {
    await using at = await rawServer((socket, _request, count) => {
      if (count === 1) split(socket)
      else socket.write(answered('second'))
    })
    expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('first')
    expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('second')
  })

  test('control: a connection that was held back serves the next request', async () => {
    const body = 'x'.repeat(HTTP_BUFFER_BYTES_MAX + 10)
    await using at = await rawServer((socket) => socket.write(answered(body)))
    for (let count = 0; count < 3; count++) {
      const exchange = await host.open(webRequest(at.origin))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect((await bodyOf(exchange)).length).toBe(body.length)
    }
    expect(at.accepted).toHaveLength(1)
  })

  test('control: an honest connection serves the next request', async () => {
    await using at = await rawServer((socket) => socket.write(answered('ok')))
    for (let count = 0; count < 3; count++) expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('ok')
    expect(at.accepted).toHaveLength(1)
  })

  test('of a HEAD with a body is the answer to nothing', async () => {
    await using at = await rawServer((socket) => socket.write(answered('poison')))
    const exchange = await host.open(webRequest(at.origin, { method: 'HEAD' }))
    expect(await bodyOf(exchange)).toBe('')
    expect(exchange.headers).toEqual([['content-length', '6']])
    expect(await at.openSockets(0)).toBe(0)
  })
})
