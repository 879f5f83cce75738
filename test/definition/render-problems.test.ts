import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderProblems } from '../../runtime/definition/render-problems.ts'
import type { Problem } from '../../runtime/errors.ts'

const problem = (source: string, column: number, more: Partial<Problem> = {}): Problem => ({
  file: 'a.yaml',
  line: 12,
  column,
  message: 'unknown key',
  source,
  ...more,
})
const render = (...problems: readonly Problem[]): string => renderProblems(problems, { colour: false })

describe('rendered problems', () => {
  it('show place, message, line, caret and hint', () => {
    expect(render(problem('  tols: {}', 3, { hint: 'did you mean `tools`?' }), problem('x', 1))).toMatchInlineSnapshot(`
      "a.yaml:12:3: unknown key
        12 |   tols: {}
           |   ^
        hint: did you mean \`tools\`?
      a.yaml:12:1: unknown key
        12 | x
           | ^
      "
    `)
  })

  it('show no line where none may be quoted', () => {
    expect(render({ file: 'c.yaml', line: 1, column: 2, message: 'm' })).toBe('c.yaml:1:2: m\n')
  })

  it('escape what would reach the terminal, with the caret in the right place', () => {
    const text = render(problem('\x1b[31m\u202etols', 7, { message: '\x1b]0;x\x07', file: '\x9b.yaml', hint: '\r' }))
    expect(text).toMatchInlineSnapshot(`
      "\\x9b.yaml:12:7: \\x1b]0;x\\x07
        12 | \\x1b[31m\\u202etols
           |               ^
        hint: \\r
      "
    `)
  })

  it('cut a long line around the caret', () => {
    const text = render(problem(`${'a'.repeat(5000)}B${'c'.repeat(5000)}`, 5001))
    const [, line = '', caret = ''] = text.split('\n')
    expect(line.length).toBeLessThanOrEqual(130)
    expect(line[caret.indexOf('^')]).toBe('B')
  })

  it('colour only what is theirs', () => {
    expect(renderProblems([problem('x', 1)], { colour: true })).toContain('\x1b[1ma.yaml:12:1:\x1b[22m unknown key')
  })

  it('point at the character that the column names, whatever the line holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat(), (source, at) => {
        const index = source.length === 0 ? 0 : at % source.length
        const before = source.slice(0, index).replaceAll('\t', ' ')
        const marked = `${before}Q${source.slice(index)}`
        const text = render(problem(marked, index + 1))
        const [, line = '', caret = ''] = text.split('\n')
        expect(line[caret.indexOf('^')]).toBe('Q')
        expect(line.length).toBeLessThan(140)
        expect(/[\p{Cc}\u202a-\u202e]/u.test(text.replaceAll('\n', ''))).toBe(false)
      }),
    )
  })
})
