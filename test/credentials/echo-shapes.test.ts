/** Every shape in which a secret comes back meets the fate that SECURITY.md promises. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createScrubber, type Hit } from '../../runtime/credentials/scrub/scrub.ts'
import { ECHO_SHAPES, ENCODINGS, SECRETS, type EchoShape } from '../support/echo-shapes.ts'
import { isReadable } from '../support/secret-oracle.ts'

const CUT = '[withheld: credential echoed]'

/** What a server might send. */
function echoed({ make }: EchoShape, secret: string): Buffer {
  return Buffer.concat([
    Buffer.from('{"before": "'),
    Buffer.from(make(secret) as string),
    Buffer.from('", "after": 1}'),
  ])
}

function scrubbed(bytes: Uint8Array, secret: string, without?: string): { bytes: Uint8Array; hits: readonly Hit[] } {
  const scrubber = createScrubber(new Set(without === undefined ? [] : [without]))
  scrubber.add({ credential: 'echoed', version: '1', value: secret, related: [] })
  return scrubber.bytes(bytes)
}

const caught = ECHO_SHAPES.filter(({ fate }) => fate !== 'missed')

describe('of the echo shapes', () => {
  test('there are many', () => {
    expect(ECHO_SHAPES.length).toBeGreaterThanOrEqual(54)
    expect(SECRETS.length).toBeGreaterThanOrEqual(4)
    expect(new Set(ECHO_SHAPES.map(({ name }) => name)).size).toBe(ECHO_SHAPES.length)
  })

  test.each(caught)('$name: $fate', (shape) => {
    for (const secret of SECRETS) {
      const bytes = echoed(shape, secret)
      const { bytes: result, hits } = scrubbed(bytes, secret)
      const text = Buffer.from(result).toString()
      expect(hits, secret).toContainEqual({ credential: 'echoed', version: '1', how: shape.fate })
      if (shape.fate === 'withheld') expect(text).toBe(CUT)
      else expect(text).toMatch(/^\{"before": ".*\[withheld: credential echoed\].*", "after": 1\}$/su)
      expect(isReadable(result, secret), secret).toBe(false)
    }
  })

  test.each(ECHO_SHAPES.filter(({ fate }) => fate === 'missed'))('$name: missed, as SECURITY.md says', (shape) => {
    const missed = SECRETS.filter((secret) => scrubbed(echoed(shape, secret), secret).hits.length === 0)
    expect(missed.length).toBeGreaterThan(0)
  })

  test('any two encodings of any secret, one around the other, are undone', () => {
    const secrets = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', minLength: 6, maxLength: 40 }),
      fc.string({ unit: 'grapheme-composite', minLength: 6, maxLength: 20 }),
      fc.string({ unit: fc.constantFrom('%', '4', '1', '\\', 'u', '&', 'a', ';'), minLength: 8, maxLength: 20 }),
    )
    const encoding = fc.constantFrom(...ENCODINGS)
    const around = fc.constantFrom('', ' ', 'token=', '{"token": "', '\\"', 'a', ':', '\n')
    fc.assert(
      fc.property(secrets, encoding, encoding, around, around, (secret, inner, outer, before, after) => {
        const bytes = Buffer.from(outer(before + inner(secret) + after))
        const { bytes: result, hits } = scrubbed(bytes, secret)
        expect(hits).not.toEqual([])
        expect(isReadable(result, secret)).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  test('SECURITY.md lists those that are missed, and no others', () => {
    const page = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
    const section = page.split('\n## Echoes of a secret\n')[1]?.split('\n## ')[0] ?? ''
    const listed = Array.from(section.matchAll(/^- (.*)$/gm), ([, name = '']) => name.replace(/(?: \(.*\))?[;.]?$/, ''))
    expect(listed).toEqual(ECHO_SHAPES.filter(({ fate }) => fate === 'missed').map(({ name }) => name))
  })

  // The controls.
  test('most can be read where nobody scrubs, and are missed by replacing the secret alone', () => {
    const all = caught.flatMap((shape) => SECRETS.map((secret) => ({ bytes: echoed(shape, secret), secret })))
    const readable = all.filter(({ bytes, secret }) => isReadable(bytes, secret))
    expect(readable.length / all.length).toBeGreaterThan(0.9)
    const left = all.filter(({ bytes, secret }) => {
      const replaced = Buffer.from(
        bytes.toString('latin1').replaceAll(Buffer.from(secret).toString('latin1'), ''),
        'latin1',
      )
      return scrubbed(replaced, secret).hits.length > 0
    })
    expect(left.length / all.length).toBeGreaterThan(0.7)
  })

  test.each([
    'raw',
    'normal-form',
    'undone',
    'form',
    'latin-1',
    'mojibake',
    'cesu-8',
    'utf-16',
    'reversed',
    'base64',
    'base64url',
    'characters',
    'utf-16-zeros',
    'quoted-printable',
    'hex',
  ])('one escapes without %s', (kind) => {
    const escaped = caught.filter((shape) =>
      SECRETS.some((secret) => scrubbed(echoed(shape, secret), secret, kind).hits.length === 0),
    )
    expect(escaped.map(({ name }) => name)).not.toEqual([])
  })
})
