/** How long a text takes to scrub follows its length, whatever stands in it. */
import { describe, expect, test } from 'vitest'
import { createScrubber } from '../../runtime/credentials/scrub/scrub.ts'

const MEGABYTE = 1024 * 1024

const scrubber = createScrubber()
for (const [index, value] of [
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'p@ss w"rd/\\+&<é>😀',
  'AKIAIOSFODNN7EXAMPLE',
  'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==',
  'xoxb-2345678901-abcdefghij',
].entries()) {
  scrubber.add({ credential: `c${index}`, version: '1', value, related: [] })
}

/** Of this process, in milliseconds: other work on the machine counts less than on the clock. */
function cpuMs(act: () => void): number {
  const before = process.cpuUsage()
  act()
  return process.cpuUsage(before).user / 1000
}

function quickest(text: string): number {
  return Math.min(...[1, 2, 3].map(() => cpuMs(() => scrubber.text(text))))
}

const repeated = (part: string, length: number): string => part.repeat(Math.ceil(length / part.length)).slice(0, length)
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const TEXTS: readonly (readonly [string, (length: number) => string])[] = [
  ['prose', (length) => repeated('The quick brown fox jumps over the lazy dog, in plain English. ', length)],
  [
    'JSON',
    (length) => repeated('{"id":123,"url":"https://api.github.com/x","body":"the \\"text\\"\\nof it"},', length),
  ],
  ['%25', (length) => repeated('%25', length)],
  ['%252525…', (length) => `%${repeated('25', length - 1)}`],
  ['&amp;amp;…', (length) => `&${repeated('amp;', length - 1)}`],
  ['\\\\\\\\u', (length) => repeated('\\\\\\\\u', length)],
  ['base64 of base64', (length) => base64(base64(repeated('abcdefghi', length))).slice(0, length)],
  ['base64 of base64 in every lane', (length) => repeated(base64('QUFBQUFB'), length)],
  ['hexadecimal of hexadecimal', (length) => repeated('3631', length)],
  ['one letter', (length) => repeated('A', length)],
  ['a secret but for its end', (length) => repeated('ghp_16C7e42F292c6912E7710c838347Ae178B4', length)],
  ['secrets', (length) => repeated('AKIAIOSFODNN7EXAMPLE', length)],
  ['=3D3D…', (length) => `=${repeated('3D', length - 1)}`],
  ['zeros', (length) => repeated('a\0', length)],
  ['&', (length) => repeated('&', length)],
]

describe('a megabyte', () => {
  test.each(TEXTS)('of %s takes no more than four times a quarter of it, and less than two seconds', (_name, make) => {
    const quarter = quickest(make(MEGABYTE / 4))
    const whole = quickest(make(MEGABYTE))
    expect(whole).toBeLessThan(2_000)
    // With room for a busy machine.
    expect(whole).toBeLessThan(12 * quarter + 50)
  })

  test('in pieces of a kilobyte takes less than three seconds', () => {
    for (const [, make] of TEXTS) {
      const bytes = Buffer.from(make(MEGABYTE / 4))
      const stream = scrubber.stream()
      const took = cpuMs(() => {
        for (let index = 0; index < bytes.length; index += 1024) stream.push(bytes.subarray(index, index + 1024))
        stream.end()
      })
      expect(took).toBeLessThan(3_000)
    }
  })

  test('is the least that time is told of: a quadratic search would be found', () => {
    const slowly = (text: string): number => {
      let found = 0
      for (let index = 0; index < text.length; index += 64) found += text.slice(index).split('&').length
      return found
    }
    const quarter = cpuMs(() => slowly(repeated('&', 16 * 1024)))
    const whole = cpuMs(() => slowly(repeated('&', 128 * 1024)))
    expect(whole).toBeGreaterThan(24 * quarter)
  })
})
