import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable, printableJson, printableMessage } from '../runtime/printable.ts'

describe('printable', () => {
  test('makes visible what moves, reorders or hides', () => {
    expect(printable('a\x1b[0m\x9b\u202e\u2066\u200e\u061c\u2028\ufeff\ud800\x7f\r\n\t')).toMatchInlineSnapshot(
      `"a\\x1b[0m\\x9b\\u202e\\u2066\\u200e\\u061c\\u2028\\ufeff\\ud800\\x7f\\r\\n\\t"`,
    )
    expect(printable('.g\u200cit \u200b\u200d\u2060\u00ad\u034f\u3164\ufe00\u{e0041}\u{e0100}')).toMatchInlineSnapshot(
      `".g\\u200cit \\u200b\\u200d\\u2060\\xad\\u034f\\u3164\\ufe00\\u{e0041}\\u{e0100}"`,
    )
    expect(printable('a\n\tb\r', { newlines: true })).toBe('a\n\tb\\r')
    expect(printable('ordinary: äöü 漢字 😀 ❤️ é')).toBe('ordinary: äöü 漢字 😀 ❤️ é')
  })

  test('of a message no line but the first begins at the margin', () => {
    expect(printableMessage('a\nrun 01J completed\r\n\nb')).toBe('a\n    run 01J completed\\r\n    \n    b')
  })
})

describe('printableJson', () => {
  test('keeps the value, on one line, with nothing that printable would change', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ stringUnit: 'binary' }),
        fc.constantFrom('\x9b', '\u202e', '\u{e0041}'),
        (value, mark) => {
          const json = JSON.stringify({ value, mark })
          const shown = printableJson(json)
          expect(JSON.parse(shown)).toEqual(JSON.parse(json))
          expect(printable(shown)).toBe(shown)
        },
      ),
    )
    expect(printableJson('"\x9b\u202e\u{e0041}"')).toBe('"\\u009b\\u202e\\udb40\\udc41"')
  })
})
