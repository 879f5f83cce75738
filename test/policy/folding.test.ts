/** Names that a file system takes for a listed one, character by character. */
import { expect, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import { executedByOthers, isGitInternal, protectedBy } from '../../runtime/policy/protected-paths.ts'
import { grantOf } from '../support/grants.ts'

const range = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index))
/** The code points that HFS+ leaves out of a comparison (Apple Technical Note TN1150). */
const IGNORED = [...range(0x200c, 0x200f), ...range(0x202a, 0x202e), ...range(0x206a, 0x206f), ...range(0xfeff, 0xfeff)]

test.for(IGNORED.map((character) => [character.codePointAt(0)!.toString(16), character] as const))(
  'U+%s hides no listed name, wherever and however often it stands there',
  ([, character]) => {
    const hidden = (name: string): string => character + Array.from(name).join(character) + character
    for (const name of ['.git', '.GIT']) expect(isGitInternal(`a/${hidden(name)}/b`)).toBe(true)
    expect(protectedBy(hidden('.env'))).toBe('.env')
    expect(executedByOthers(hidden('Makefile'))).toHaveLength(1)
    const grant = grantOf({ read: ['**'], write: ['**'], deny: ['secret'], ownFiles: ['agents/me.yaml'] })
    expect(decide(grant, { op: 'fs.read', path: `a/${hidden('secret')}` }, {})).toMatchObject({ reason: 'deny-rule' })
    const own = { op: 'fs.write', path: `agents/${hidden('me.yaml')}`, data: new Uint8Array(), how: 'replace' } as const
    expect(decide(grant, own, {})).toMatchObject({ reason: 'own-file' })
  },
)

test('a character next to those is one of a name', () => {
  for (const code of [0x200b, 0x2010, 0x2029, 0x202f, 0x2069, 0x2070]) {
    expect(isGitInternal(`.g${String.fromCodePoint(code)}it`)).toBe(false)
  }
})

/** In whatever form the rule and the path write it: composed or not, in capitals or not. */
test.for<[string, string]>([
  ['caf\u00e9', 'cafe\u0301'],
  ['cafe\u0301', 'caf\u00e9'],
  ['CAF\u00c9', 'cafe\u0301'],
  ['\u01f0', 'J\u030c'],
  ['j\u030c', '\u01f0'],
  ['stra\u00dfe', 'STRASSE'],
  ['strasse', 'stra\u00dfe'],
  ['\u1e9e', '\u00df'],
  ['\u03a3', '\u03c2'],
  ['\u212a', 'k'],
  ['\u0130', 'i\u0307'],
  ['\u0390', '\u03b9\u0308\u0301'],
  ['\ufb03', 'FFI'],
  ['\u1fb4', '\u03b1\u0345\u0301'],
  ['H\u0302\u0331', 'h\u0331\u0302'],
])('a deny of %j holds for %j, and the other way round', ([one, other]) => {
  for (const [pattern, path] of [
    [one, other],
    [other, one],
  ] as const) {
    const grant = grantOf({ read: ['**'], deny: [pattern] })
    for (const asked of [path, `a/${path}`, `${path}/b`]) {
      expect(decide(grant, { op: 'fs.read', path: asked }, {}), asked).toMatchObject({ reason: 'deny-rule' })
    }
  }
})
