import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createScrub,
  createScrubber,
  Withheld,
  type Scrubber,
  type ScrubStream,
} from '../../runtime/credentials/scrub/scrub.ts'
import { SCRUB_HOLD_BYTES, SECRET_BYTES_MAX } from '../../runtime/limits.ts'
import { ENCODINGS } from '../support/echo-shapes.ts'
import { deepText } from '../support/provider-imitation.ts'

const TOKEN = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'
const PASSWORD = 'p@ss w"rd/\\+&<é>😀'

function scrubberOf(...values: readonly string[]): Scrubber {
  const scrubber = createScrubber()
  for (const [index, value] of values.entries()) {
    scrubber.add({ credential: `c${index}`, version: `v${index}`, value, related: [] })
  }
  return scrubber
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text)
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** All that a stream delivers of pieces, its end included. */
function through(stream: ScrubStream, pieces: readonly Uint8Array[]): string {
  return textOf(Buffer.concat([...pieces.map((piece) => stream.push(piece)), stream.end()]))
}

function splitAt(bytes: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

describe('a scrubber', () => {
  test('costs nothing while it is empty', () => {
    const scrubber = createScrubber()
    const bytes = bytesOf('anything')
    expect(scrubber.isEmpty).toBe(true)
    expect(scrubber.bytes(bytes).bytes).toBe(bytes)
    expect(scrubber.text('anything')).toEqual({ text: 'anything', hits: [] })
    const stream = scrubber.stream()
    expect(stream.push(bytes)).toBe(bytes)
    expect(stream.end()).toHaveLength(0)
  })

  test('returns the same object where it finds nothing', () => {
    const bytes = bytesOf('nothing that is secret % \\ & =')
    const scrubbed = scrubberOf(TOKEN).bytes(bytes)
    expect(scrubbed.bytes).toBe(bytes)
    expect(scrubbed.hits).toEqual([])
  })

  test('cuts out a secret, its companions and what was sent of it, by one name', () => {
    const scrubber = createScrubber()
    scrubber.add({ credential: 'a', version: '1', value: TOKEN, related: ['refresh-token-1'] }, ['Basic dXNlcjp4eXo='])
    const { text, hits } = scrubber.text(`${TOKEN}, refresh-token-1, Basic dXNlcjp4eXo=`)
    expect(text).toBe('[withheld: credential a], [withheld: credential a], [withheld: credential a]')
    expect(hits).toEqual([{ credential: 'a', version: '1', how: 'cut' }])
  })

  test('names both owners of a value, and each version of one', () => {
    const scrubber = createScrubber()
    scrubber.add({ credential: 'a', version: '1', value: TOKEN, related: [] })
    scrubber.add({ credential: 'b', version: '1', value: TOKEN, related: [] })
    scrubber.add({ credential: 'a', version: '2', value: PASSWORD, related: [] })
    const { text, hits } = scrubber.text(`${TOKEN} ${PASSWORD}`)
    expect(text).toBe('[withheld: credential a] [withheld: credential a]')
    expect(hits.map(({ credential, version }) => credential + version)).toEqual(['a1', 'b1', 'a2'])
  })

  test.each([
    ['that lies in another', ['abcdef', 'xyabcdefzw'], '1abcdef2xyabcdefzw3', '1{0}2{1}3'],
    ['that overlaps another', ['abcdefgh', 'ghijklmn'], '1abcdefghijklmn2', '1{0}2'],
    ['that overlaps itself', ['ababab'], '1abababab2', '1{0}2'],
    ['beside another', ['abcdef', 'ghijkl'], 'abcdefghijkl', '{0}{1}'],
    ['of characters of expressions', ['$&(.*)[^x]'], '1$&(.*)[^x]2', '1{0}2'],
    ['with spaces', ['two words'], '1two words2', '1{0}2'],
    ['beyond the basic plane', ['😀😀😀'], '1😀😀😀2', '1{0}2'],
    ['in any case', ['abcDEF'], '1ABCdef2', '1{0}2'],
    ['twice', ['abcdef'], 'abcdef abcdef', '{0} {0}'],
  ])('cuts out one %s', (_name, secrets, text, expected) => {
    const filled = expected.replaceAll(/\{(\d)\}/g, '[withheld: credential c$1]')
    expect(scrubberOf(...secrets).text(text).text).toBe(filled)
    expect(through(scrubberOf(...secrets).stream(), [bytesOf(text)])).toBe(filled)
  })

  test('withholds all where a secret shows only in base64 below another encoding', () => {
    const coded = Buffer.from(encodeURIComponent(PASSWORD)).toString('base64')
    const { text, hits } = scrubberOf(PASSWORD).text(`before ${coded} after`)
    expect(text).toBe('[withheld: credential c0]')
    expect(hits).toEqual([{ credential: 'c0', version: 'v0', how: 'withheld' }])
    // The control: the same with nothing in it.
    const other = `before ${Buffer.from(encodeURIComponent('nothing & nothing else')).toString('base64')} after`
    expect(scrubberOf(PASSWORD).text(other).text).toBe(other)
  })

  test.each([
    ['too short', 'abcde', /shorter than 6/],
    ['too long', 'a'.repeat(SECRET_BYTES_MAX + 1), /longer than 8192 bytes/],
  ])('refuses what is %s', (_name, value, message) => {
    const refused = expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) })
    const scrubber = createScrubber()
    expect(() => scrubber.add({ credential: 'a', version: '1', value, related: [] })).toThrow(refused)
    expect(() => scrubber.add({ credential: 'a', version: '1', value: TOKEN, related: [value] })).toThrow(refused)
    expect(() => scrubber.add({ credential: 'a', version: '1', value: TOKEN, related: [] }, [value])).toThrow(refused)
    expect(scrubber.isEmpty).toBe(true)
  })

  test('holds the secret where nobody prints it', () => {
    const scrubber = scrubberOf(TOKEN)
    const stream = scrubber.stream()
    stream.push(bytesOf('x'))
    scrubber.text('x')
    const seen = [scrubber, stream]
      .map((each) => deepText(each) + inspect(each, { depth: 20, showHidden: true }))
      .join()
    expect(seen).not.toContain(TOKEN)
    expect(seen).not.toContain(TOKEN.slice(4))
    expect(deepText({ TOKEN })).toContain(TOKEN)
  })

  test('finds a long private key, escaped for JSON, in base64 and line by line', () => {
    const key = Buffer.from(Array.from({ length: 1700 }, (_, index) => (index * index * 7) % 251)).toString('base64')
    const pem = `-----BEGIN PRIVATE KEY-----\n${key.replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
    const scrubber = scrubberOf(pem)
    expect(scrubber.text(JSON.stringify({ pem })).text).toBe('{"pem":"[withheld: credential c0]"}')
    expect(scrubber.text(Buffer.from(pem).toString('base64')).text).not.toContain('0tLS')
  })
})

describe('createScrub()', () => {
  test('makes a function of one secret', () => {
    expect(createScrub('key', TOKEN)(`a ${TOKEN} b`)).toBe('a [withheld: credential key] b')
  })
})

describe('a stream', () => {
  const encodings: readonly ((text: string) => string)[] = [
    (text) => text,
    encodeURIComponent,
    (text) => JSON.stringify(text).slice(1, -1),
    (text) => encodeURIComponent(JSON.stringify(text).slice(1, -1)),
    (text) => Buffer.from(text).toString('hex'),
    (text) => Buffer.from(text).toString('base64'),
    (text) => text.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&#34;'),
    (text) => Array.from(text).toReversed().join(''),
  ]
  const filler = fc.constantFrom(
    '',
    ' ',
    'abc ',
    '{"a":"b\\n"}',
    '%',
    '%2',
    '\\',
    '&',
    '&am',
    '=',
    'x',
    'ghp_',
    'p@ss',
    '\n\n',
    '61',
    'QUJD',
  )
  const part = fc.oneof(
    filler,
    fc
      .tuple(fc.constantFrom(TOKEN, PASSWORD, 'abcdef'), fc.constantFrom(...encodings))
      .map(([secret, encode]) => encode(secret)),
  )

  test('delivers the same however it is split', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, places) => {
        const text = parts.join('')
        const whole = scrubberOf(TOKEN, PASSWORD, 'abcdef').stream()
        let expected: string
        try {
          expected = through(whole, [bytesOf(text)])
        } catch (error) {
          // What may not be delivered may not be delivered in pieces either.
          expect(error).toBeInstanceOf(Withheld)
          expect(() => through(scrubberOf(TOKEN, PASSWORD, 'abcdef').stream(), splitAt(bytesOf(text), places))).toThrow(
            Withheld,
          )
          return
        }
        const split = scrubberOf(TOKEN, PASSWORD, 'abcdef').stream()
        expect(through(split, splitAt(bytesOf(text), places))).toBe(expected)
        expect(new Set(split.hits.map(({ credential }) => credential))).toEqual(
          new Set(whole.hits.map(({ credential }) => credential)),
        )
      }),
      { numRuns: 300 },
    )
  })

  test.each(encodings.map((encode, index) => [index, encode(PASSWORD)] as const))(
    'delivers no byte of a secret when it is split at every byte (%i)',
    (_index, coded) => {
      const text = `before ${coded} after`
      const whole = through(scrubberOf(PASSWORD).stream(), [bytesOf(text)])
      expect(whole).toBe('before [withheld: credential c0] after')
      const bytes = bytesOf(text)
      expect(through(scrubberOf(PASSWORD).stream(), splitAt(bytes, Array.from(bytes.keys())))).toBe(whole)
      for (let place = 0; place <= bytes.length; place++) {
        expect(through(scrubberOf(PASSWORD).stream(), splitAt(bytes, [place]))).toBe(whole)
      }
    },
  )

  test('finds any two encodings across pieces and across what is gone through at once', () => {
    const secret = 'p@ss/w"rd+é-of-some-length'
    const coded = ENCODINGS.flatMap((inner) => ENCODINGS.map((outer) => outer(`{${inner(secret)}}`)))
    for (const [index, text] of coded.entries()) {
      const bytes = bytesOf(`${'- '.repeat(8192 - ((index * 97) % (text.length + 20)) / 2)}${text} ${'- '.repeat(100)}`)
      const scrubber = scrubberOf(secret)
      expect(scrubber.bytes(bytes).hits, text).toHaveLength(1)
      const stream = scrubber.stream()
      const middle = 16 * 1024 + ((index * 31) % 200)
      try {
        const delivered = through(stream, [bytes.subarray(0, middle), bytes.subarray(middle)])
        expect(delivered, text).toContain('[withheld: credential c0]')
      } catch (error) {
        expect(error).toBeInstanceOf(Withheld)
      }
      expect(stream.hits, text).toHaveLength(1)
    }
  })

  test('holds back what a secret may have begun in, and no more', () => {
    const stream = scrubberOf(TOKEN).stream()
    expect(textOf(stream.push(bytesOf('data: {"a":1}\n\n')))).toBe('data: {"a":1}\n\n')
    expect(textOf(stream.push(bytesOf('data: "ghp_16C')))).toBe('data: "')
    expect(textOf(stream.push(bytesOf(' no"\n\n')))).toBe('ghp_16C no"\n\n')
    expect(textOf(stream.push(bytesOf('"%67%68%7')))).toBe('"')
    expect(textOf(stream.push(bytesOf(' no"')))).toBe('%67%68%7 no"')
    expect(textOf(stream.end())).toBe('')
  })

  test('delivers nothing of a secret whose stream fails in the middle of it', () => {
    // The last piece comes together with an error: whoever reads takes the piece first and never calls end().
    const stream = scrubberOf(TOKEN).stream()
    const delivered = textOf(stream.push(bytesOf(`{"token":"${TOKEN.slice(0, -1)}`)))
    expect(delivered).toBe('{"token":"')
    // The control: what ends by itself is no secret.
    expect(textOf(stream.end())).toBe(TOKEN.slice(0, -1))
  })

  test('ends for ever where a secret shows that cannot be cut out', () => {
    const coded = bytesOf(`prior: ${Buffer.from(encodeURIComponent(PASSWORD)).toString('base64')} after`)
    const stream = scrubberOf(PASSWORD).stream()
    expect(textOf(stream.push(coded.subarray(0, 7)))).toBe('prior: ')
    expect(() => stream.push(coded.subarray(7))).toThrow(Withheld)
    expect(stream.hits).toEqual([{ credential: 'c0', version: 'v0', how: 'withheld' }])
    expect(() => stream.push(bytesOf('innocent'))).toThrow(Withheld)
    expect(() => stream.end()).toThrow(Withheld)
  })

  test('ends where a secret overlaps itself for longer than may be held back', () => {
    const stream = scrubberOf('ababab').stream()
    const piece = bytesOf('ab'.repeat(64 * 1024))
    const pieces = Math.ceil(SCRUB_HOLD_BYTES / piece.length)
    for (let index = 0; index < pieces; index++) expect(stream.push(piece)).toHaveLength(0)
    expect(() => stream.push(piece)).toThrow(/withheld: it shows the credential c0/)
    expect(stream.hits).toEqual([{ credential: 'c0', version: 'v0', how: 'withheld' }])
    expect(() => stream.end()).toThrow(Withheld)
  })

  test('takes nothing once it has ended', () => {
    const stream = scrubberOf(TOKEN).stream()
    stream.end()
    expect(() => stream.push(bytesOf('x'))).toThrow(/has ended/)
  })

  test('looks for what was added after it began, also in what it holds', () => {
    const scrubber = scrubberOf(TOKEN)
    const stream = scrubber.stream()
    expect(textOf(stream.push(bytesOf('ghp_late')))).toBe('')
    scrubber.add({ credential: 'late', version: '1', value: 'ghp_later-secret', related: [] })
    expect(textOf(stream.push(bytesOf('r-secret.')))).toBe('[withheld: credential late].')
  })

  test('holds back less than its bound for the longest secret', () => {
    const secret = Array.from({ length: SECRET_BYTES_MAX / 64 }, (_, index) =>
      createHash('sha256').update(`${index}`).digest('hex'),
    ).join('')
    const scrubber = scrubberOf(secret)
    const stream = scrubber.stream()
    const coded = bytesOf(secret.replaceAll(/[^]/g, (unit) => `%26%23x${unit.charCodeAt(0).toString(16)};`))
    expect(coded.length).toBeLessThan(SCRUB_HOLD_BYTES)
    expect(stream.push(coded.subarray(0, -1))).toHaveLength(0)
    expect(textOf(stream.push(bytesOf('; ')))).toBe('[withheld: credential c0] ')
  })
})
