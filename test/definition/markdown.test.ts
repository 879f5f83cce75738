import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const parse = (text: string | Uint8Array, file = 'a.md') => parseDefinition({ file, text })
const mistakes = (text: string | Uint8Array): readonly string[] => summaries(problemsOf(() => parse(text)))

const KEYS = 'name: a\nscript: ./a.ts\ntools:\n  read_file: { read: ["src/**"] }\n'

describe('a definition in Markdown', () => {
  it('is the same definition as in YAML with its body as the instructions', () => {
    const yaml = parse(`# keys\n${KEYS}instructions: |-\n  # Role\n\n  Read it.\n`, 'a.yaml')
    const markdown = parse(`---\n${KEYS}---\n\n# Role\n\nRead it.\n\n`)
    const unplaced = (value: object): unknown => JSON.parse(JSON.stringify(value).replaceAll('a.md', 'a.yaml'))
    expect({ ...Object(unplaced(markdown)), places: 0 }).toEqual({ ...Object(unplaced(yaml)), places: 0 })
    expect(markdown.tools[0]?.paths[0]?.place).toBe('a.md:5:23')
  })

  it.each([
    [`---\n${KEYS}---\nx`, 'x'],
    [`---\r\n${KEYS.replaceAll('\n', '\r\n')}---\r\nx\r\ny`, 'x\r\ny'],
    [`\ufeff---\n${KEYS}---\nx`, 'x'],
    [`--- \n${KEYS}---\t\nx --- y\n---\nz`, 'x --- y\n---\nz'],
    [`---\n${KEYS}---`, undefined],
    [`---\n${KEYS}---\n \n`, undefined],
  ])('%j has its body', (text, expected) => {
    expect(parse(text).instructions).toBe(expected)
    expect(parse(text, 'a.markdown').instructions).toBe(expected)
  })

  it('reports mistakes where they stand', () => {
    expect(mistakes(`---\nnme: a\n${KEYS}---\nx`)).toEqual([
      '2:1 unknown key `nme` in a definition (did you mean `name`?)',
    ])
    expect(mistakes(`---\n${KEYS}instructions: y\n---\nx`)).toEqual([
      '6:1 the instructions of a Markdown definition are its body',
    ])
    expect(mistakes(`---\n${KEYS}---\nx\u0007`)).toEqual(['7:2 the character \\x07 is not allowed'])
    expect(mistakes(`---\n${KEYS}---\nx\u202ey`)).toEqual(['7:2 the character \\u202e is not allowed'])
  })

  it.each([
    [
      KEYS,
      '1:1 a Markdown definition must begin with a line `---` (write the keys between two lines of three hyphens)',
    ],
    [
      `\n---\n${KEYS}---\n`,
      '1:1 a Markdown definition must begin with a line `---` (write the keys between two lines of three hyphens)',
    ],
    [
      `---\n${KEYS}`,
      '1:1 a Markdown definition has no second line `---` after its keys (write the keys between two lines of three hyphens)',
    ],
    [
      `----\n${KEYS}---\n`,
      '1:1 a Markdown definition must begin with a line `---` (write the keys between two lines of three hyphens)',
    ],
    ['---\n---\nx', '1:1 the definition is empty'],
  ])('%j is a mistake', (text, expected) => {
    expect(mistakes(text)).toEqual([expected])
  })

  it('that is no UTF-8 is refused', () => {
    const bytes = Buffer.concat([Buffer.from(`---\n${KEYS}---\nx`), Buffer.from([0xff, 0xfe])])
    expect(mistakes(bytes).join()).toContain('the file is not UTF-8 text')
  })
})
