/** URLs that another reader may take for another one, at every edge of what is refused. */
import { expect, test } from 'vitest'
import { canonicalUrl, pathTrouble } from '../../runtime/policy/http-url.ts'

const encoded = (times: number): string => `%${'25'.repeat(times - 1)}41`

test('a path is encoded as often as the limit says', () => {
  expect(pathTrouble(`/x${encoded(1)}`)).toBeUndefined()
  expect(pathTrouble(`/x${encoded(7)}`)).toBeUndefined()
  expect(pathTrouble(`/x${encoded(8)}`)).toContain('more than 7 times')
})

test.for([
  '/%2e',
  '/%252e',
  '/a%41b%252e%252e',
  '/a%41b%42c%252e',
  '/a%41%2541b%25252e',
  '/%20',
  '/%20;a',
  '/.%20.',
  '/%20..',
  '/..%20x',
  '/.%20x',
  '/%20.%20x',
  '/.;a',
  '/;a',
  '/..',
  '/.',
  '/%2F..%2Fa',
  '/a%2F.',
  '/a%2F%20',
  '/a%252Fb',
  '/a%5Cb',
  '/a%255Cb',
  '/a%00b',
  '/a%7Fb',
  '/a%C2%80b',
  '/a%3Fb',
  '/a%253Fb',
  '/a%23b',
  '/%3F',
  '/%23',
  '/.%3F',
  '/.%23',
  '/%EF%BC%8E',
  '/%EF%BC%8E%EF%BC%8E',
  '/%E2%80%8B',
  '/.%E2%80%8B.',
  '/%ff',
  '/%',
  '/a%2',
  '/a%25ff',
])('%s could be read as another path', (path) => {
  expect(pathTrouble(path)).toBeDefined()
  expect(canonicalUrl(`https://h.example${path}`).ok).toBe(false)
})

test.for([
  '/',
  '/a',
  '/a/',
  '/a%20b',
  '/a;b',
  '/a..b',
  '/...a',
  '/a.',
  '/a%2Fb',
  '/%C3%A9',
  '/a%25',
  '/a b'.replace(' ', '+'),
])('%s is one path', (path) => {
  expect(pathTrouble(path)).toBeUndefined()
  expect(canonicalUrl(`https://h.example${path}`).ok).toBe(true)
})

test.for([
  'https://h.example\\a',
  'https://h.example/a\u0000',
  'https://h.example/\ud800',
  ' https://h.example/',
  'https://h.example/ ',
  'https://h.example/#',
  'https://h.example/?a#b',
  'https://u@h.example/',
  'https://:@h.example/',
  'https://H.example.',
  'https://.h.example/',
  'https://h..example/',
  'https://é.example/',
  'https://0x7f.1/',
  'https://127.1/',
  'https://h.example:x/',
  'https://h.example:65536/',
  'https:h.example/',
  'https:/h.example/',
  'https:///h.example/',
  'https://?a',
  'xhttps://h.example/',
  'ftp://h.example/',
  '//h.example/',
  '/a',
  '',
])('%j is refused', (text) => {
  expect(canonicalUrl(text).ok).toBe(false)
})
