/** What a tool gets of an exchange: status, headers, and a body that is read piece by piece. */

import { HTTP_STATUS_TEXT_LENGTH_MAX } from './limits.ts'
import type { WireBody } from './node-web-body.ts'
import type { WireAnswer } from './node-web-connection.ts'
import { decompressed, encodingOf, plain } from './node-web-decompress.ts'
import { webFailure } from './node-web-failure.ts'
import type { HttpExchange, HttpOpenRequest } from './ports.ts'

/** Throws `HTTP_ENCODING`, having closed the connection, where the body is in an encoding that was not asked for. */
export function exchangeOf(request: HttpOpenRequest, answer: WireAnswer, address: string): HttpExchange {
  const { status, body } = answer
  const encoding = hasBody(request.method, status) ? askedEncoding(answer) : undefined
  const bytes = encoding === undefined ? plain(body) : decompressed(body, encoding, request)
  return {
    status,
    statusText: answer.statusText.replaceAll(/[^\x20-\x7e]/g, '').slice(0, HTTP_STATUS_TEXT_LENGTH_MAX),
    headers:
      encoding === undefined
        ? answer.headers
        : answer.headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length'),
    address,
    read: pieces(bytes, body),
    close() {
      body.abandon(webFailure('HTTP_CLOSED', 'the exchange was closed'))
      // A generator that waits for bytes ends by what it waits for; one that does not, here.
      void bytes.return().catch(() => undefined)
    },
  }
}

function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304
}

function askedEncoding({ headers, body }: WireAnswer): string | undefined {
  try {
    return encodingOf(headers.filter(([name]) => name === 'content-encoding').map(([, value]) => value))
  } catch (thrown) {
    body.abandon(thrown as Error)
    throw thrown
  }
}

/** Reads one after another; what ended one ends all that follow. */
function pieces(
  bytes: AsyncGenerator<Buffer, void, undefined>,
  body: WireBody,
): (lengthMax: number) => Promise<Uint8Array | undefined> {
  let rest: Buffer | undefined
  let last: Promise<unknown> = Promise.resolve()

  const readNext = async (lengthMax: number): Promise<Uint8Array | undefined> => {
    if (body.abandoned !== undefined) throw body.abandoned
    try {
      while (rest === undefined || rest.byteLength === 0) {
        const next = await bytes.next()
        if (next.done === true) {
          body.finish()
          return undefined
        }
        rest = next.value
      }
    } catch (thrown) {
      body.abandon(thrown as Error)
      throw thrown
    }
    const piece = rest.subarray(0, lengthMax)
    rest = rest.subarray(piece.byteLength)
    return piece
  }

  return async (lengthMax) => {
    const piece = last.then(() => readNext(lengthMax))
    last = piece.catch(() => undefined)
    return piece
  }
}
