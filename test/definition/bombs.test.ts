/** Definitions that are built to be slow or large, each in a process of its own: a message within a second, and 200 MB. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { REPOSITORY } from '../support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'run-agent-bombs-'))
afterAll(() => rmSync(folder, { recursive: true }))

const HEAD = 'name: a\nscript: ./a.ts\n'
const KIB_256 = 256 * 1024
const filled = (text: string, length = KIB_256 - 4096): string =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length)
const tool = (body: string): string => `${HEAD}tools:\n  t: { from: ./t.ts, ${body} }\n`
const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(', ')
const nested = (depth: number, open: string, inner: string, close: string): string =>
  open.repeat(depth) + inner + close.repeat(depth)

it.each<[string, string, RegExp, string?]>([
  [
    'a billion laughs',
    `x-0: &a0 [a, a]\n${Array.from({ length: 30 }, (_, i) => `x-${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`).join('\n')}\n${HEAD}`,
    /aliases are not allowed/,
  ],
  ['a cycle', `${HEAD}x-a: &a [*a]\ntools: *a\n`, /anchors are not allowed/],
  ['lists in one another', `${HEAD}tools: ${'['.repeat(200_000)}`, /nested deeper/],
  ['mappings in one another', `${HEAD}tools: ${'{a: '.repeat(60_000)}`, /nested deeper/],
  [
    '50,000 tools',
    `${HEAD}tools:\n${Array.from({ length: 50_000 }, (_, i) => ` t${i}:\n`).join('')}`,
    /larger than 256 KiB/,
  ],
  ['repeated keys', filled('name: a\n'), /YAML tokens/],
  ['`__proto__`', `${HEAD}__proto__: { tools: {} }\ntools: { __proto__: {} }\n`, /unknown key `__proto__`/],
  ['NUL', `${HEAD}description: ${filled('\0')}\n`, /x00/],
  ['byte order marks', `\ufeff\ufeff${HEAD}`, /not allowed/],
  ['documents', filled(`---\n${HEAD}`), /only one YAML document|YAML tokens/],
  ['tags', filled('- !!js/function x\n'), /YAML t/],
  ['one long word', filled('x'), /not valid YAML|must be a mapping/],
  ['one long comment', `#${filled('x')}`, /empty/],
  ['tabs', filled('\t'), /not valid YAML|empty/],
  ['quotes that never end', `name: "${filled('\\u0041')}`, /YAML tokens|not valid YAML/],
  ['a block that never ends', `${HEAD}instructions: |\n${filled(' x\n')}tools: 1\n`, /`tools` must be/],
  ['numbers', `[${filled('1e999,', 20_000)}]`, /must be a mapping|YAML tokens/],
  [
    'wide patterns',
    tool(
      `read: [${many(100, (i) => `"${'{a,b}'.repeat(14)}${i}"`)}], deny: [${many(100, (i) => `"${'{a,b}'.repeat(14)}${i}"`)}]`,
    ),
    /never take effect|too many|characters/,
  ],
  [
    'patterns against denies',
    tool(`read: [${many(128, (i) => `"**/*a*b*${i}/**"`)}], deny: [${many(128, (i) => `"**/*a*b*c*${i}"`)}]`),
    /nothing|characters together|too many/,
  ],
  [
    'HTTP rules against one another',
    tool(`http: [${many(128, (i) => `"GET https://a.example/${'*/'.repeat(200)}${i}/**?${'a&'.repeat(20)}b"`)}]`),
    /characters|twice|repeated|never/,
  ],
  [
    'a schema in itself',
    tool(`args: { x: ${nested(25, '{ type: object, properties: { x: ', '{ type: string }', ' } }')} }`),
    /nested|denies nothing|type/,
  ],
  [
    'schemas side by side',
    tool(
      `args: { x: { type: object, properties: { ${many(700, (i) => `k${i}: { type: string, maxLength: 1, zz: 1 }`)} } } }`,
    ),
    /unknown keyword/,
  ],
  ['a hostile expression', `${HEAD}settings: { one: { pattern: "(a+)+(a+)+(a+)+b" } }\n`, /in time/],
  [
    'a hostile expression of an argument',
    tool(`args: { x: { type: string, pattern: "${filled('(a+)+', 5000)}", zz: 1 } }`),
    /unknown keyword/,
  ],
  ['settings', `${HEAD}settings: { ${many(3000, (i) => `s${i}: { pattern: "x" }`)} }\n`, /YAML tokens|no value/],
  ['placeholders', tool(`read: [${many(128, (i) => `"${'$'.repeat(6)}{one}/${'${'.repeat(20)}${i}"`)}]`), /setting/],
  [
    'tests',
    `${tool('read: [a]')}tests: [${many(1100, (i) => `{ tool: t, permits: "read ${i}" }`)}]\n`,
    /at most 1000 tests/,
  ],
  ['front matter that never ends', `---\n${filled(`${HEAD}\n`)}`, /no second line/, 'a.md'],
  ['lines of hyphens', `---\n${HEAD}${filled('--- \n--\n')}`, /nothing/, 'a.md'],
])('%s', (_what, text, expected, name = 'a.yaml') => {
  const file = join(folder, name)
  writeFileSync(file, text)
  const child = execFileSync(process.execPath, [join(REPOSITORY, 'test/support/parse-file.ts'), file], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  const { ms, rssBytes, said } = JSON.parse(child) as { ms: number; rssBytes: number; said: string }
  expect(said).toMatch(expected)
  expect(ms).toBeLessThan(1000)
  expect(rssBytes).toBeLessThan(200 * 1024 * 1024)
})
