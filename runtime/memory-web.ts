/** The network of a test: answers by their requests, and nothing else. */
import type { HttpExchange, WebHost } from './ports.ts'

export interface WebAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Public, and nobody's in a test: every host of it lies there. */
const ADDRESS = '1.1.1.1'

/** `answers`: by `METHOD URL`, canonical. A request for which there is none fails with its name. */
export function createMemoryWeb(answers: ReadonlyMap<string, WebAnswer>): WebHost {
  return {
    resolve: async (host) => [/^(?:[\d.]+|.*:.*)$/.test(host) ? host : ADDRESS],
    open: async ({ method, url, addresses: [address = ADDRESS] }) => {
      const answer = answers.get(`${method} ${url}`)
      if (answer === undefined) {
        throw Object.assign(new Error(`the test has no answer for ${method} ${url}`), { code: 'E_NO_ANSWER' })
      }
      return exchangeOf(answer, address)
    },
  }
}

function exchangeOf({ status, headers, body }: WebAnswer, address: string): HttpExchange {
  let at = 0
  return {
    status,
    statusText: '',
    headers: Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
    address,
    read: async (lengthMax) => {
      if (at >= body.length) return undefined
      const piece = body.slice(at, at + lengthMax)
      at += piece.length
      return piece
    },
    close: () => void (at = body.length),
  }
}
