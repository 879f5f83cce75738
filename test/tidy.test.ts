/** The house rules, as tests: each import wall fires on a planted violation, and the tree itself is tidy. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const oxlint = join(root, 'node_modules/.bin/oxlint')

/** What the linter says of one small tree under the project's own configuration; `typed` adds the rules on types. */
function lint(files: Readonly<Record<string, string>>, typed = false): string {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-tidy-'))
  try {
    const config = JSON.parse(
      readFileSync(join(root, '.oxlintrc.json'), 'utf8').replace(/^\s*\/\/.*$/gm, ''),
    ) as Record<string, unknown>
    if (!typed) delete config['options']
    writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify(config))
    const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const env = { ...process.env, PATH: `${dirname(oxlint)}:${process.env['PATH']}` }
    const { stdout, stderr } = spawnSync(oxlint, ['-c', '.oxlintrc.json', '.'], { cwd: folder, env, encoding: 'utf8' })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const uses = (module: string): string => `import * as planted from '${module}'\n\nexport const used = planted\n`
const RESTRICTED = 'no-restricted-imports'
const NODE = 'no-nodejs-modules'

describe('the linter', () => {
  // The last column: a place where the same text is in order, so that the wall and nothing else fired.
  test.each([
    ['runtime/policy/x.ts', uses('../broker/walker.ts'), RESTRICTED, 'runtime/x.ts'],
    ['runtime/policy/x.ts', uses('node:path'), NODE, 'runtime/broker/x.ts'],
    ['runtime/policy/x.ts', uses('@x/ipaddr.js'), RESTRICTED, 'runtime/broker/x.ts'],
    ['runtime/policy/x.ts', uses('tldts'), RESTRICTED, 'runtime/definition/x.ts'],
    ['runtime/sandbox/x.ts', uses('../broker/broker.ts'), RESTRICTED, 'runtime/cli/x.ts'],
    ['runtime/sandbox/x.ts', uses('../credentials/scrub.ts'), RESTRICTED, 'runtime/broker/x.ts'],
    ['runtime/sandbox/x.ts', uses('../audit/trail.ts'), RESTRICTED, 'runtime/cli/x.ts'],
    ['runtime/model/x.ts', uses('../credentials/scrub.ts'), RESTRICTED, 'runtime/broker/x.ts'],
    ['runtime/definition/x.ts', uses('../credentials/scrub.ts'), RESTRICTED, 'runtime/broker/x.ts'],
    ['runtime/broker/x.ts', uses('node:fs'), NODE, 'runtime/node-x.ts'],
    ['runtime/broker/x.ts', uses('node:fs/promises'), NODE, 'tools/x.ts'],
    ['runtime/tool/x.ts', uses('node:child_process'), NODE, 'runtime/node-x.ts'],
    ['runtime/model/x.ts', uses('node:net'), NODE, 'runtime/sandbox/process.ts'],
    ['runtime/broker/x.ts', uses('node:dns'), NODE, 'runtime/node-x.ts'],
    ['runtime/broker/x.ts', uses('undici'), RESTRICTED, 'runtime/node-x.ts'],
    ['runtime/broker/x.ts', uses('better-sqlite3'), RESTRICTED, 'runtime/audit/x.ts'],
    ['runtime/broker/x.ts', uses('openid-client'), RESTRICTED, 'runtime/credentials/x.ts'],
    ['runtime/cli/x.ts', uses('age-encryption'), RESTRICTED, 'runtime/credentials/x.ts'],
    ['runtime/cli/x.ts', uses('jose'), RESTRICTED, 'runtime/credentials/x.ts'],
    ['runtime/cli/x.ts', uses('isolated-vm'), RESTRICTED, 'runtime/sandbox/x.ts'],
    ['runtime/broker/x.ts', uses('@openai/agents'), RESTRICTED, 'runtime/model/x.ts'],
    ['runtime/definition/x.ts', uses('esbuild'), RESTRICTED, 'runtime/tool/x.ts'],
    ['runtime/broker/x.ts', 'export const used = process.env\n', 'no-process-env', 'runtime/cli/x.ts'],
    ['runtime/broker/x.ts', 'export const used = process.argv\n', 'no-restricted-properties', 'runtime/cli/x.ts'],
    ['runtime/broker/x.ts', "console.log('x')\n", 'no-console', 'runtime/cli/x.ts'],
    ['runtime/broker/x.ts', "export const used = fetch('x')\n", 'no-restricted-globals', 'tools/x.ts'],
  ])('finds what is planted in %s: %s', (file, text, rule, inOrder) => {
    expect(lint({ [file]: text })).toContain(rule)
    expect(lint({ [inOrder]: text })).not.toContain(rule)
  })

  const lines = (count: number): string => 'export const a = 1\n' + '// A line.\n'.repeat(count - 1)
  const called = (count: number): string => `export function f(): void {\n${'  f()\n'.repeat(count - 2)}}\n`
  const promise = 'const act = async (): Promise<void> => undefined\n\nexport function f(): void {\n'
  const either = "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n"

  test.each([
    ['max-lines', lines(401), lines(400)],
    ['max-lines-per-function', called(71), called(70)],
    ['no-explicit-any', 'export const a: any = 1\n', 'export const a: unknown = 1\n'],
    ['no-default-export', 'export default 1\n', 'export const a = 1\n'],
    ['no-floating-promises', `${promise}  act()\n}\n`, `${promise}  void act()\n}\n`],
    [
      'switch-exhaustiveness-check',
      `${either}  }\n  return 2\n}\n`,
      `${either}    case 'b':\n      return 2\n  }\n}\n`,
    ],
  ])('finds %s, and not where it is mended', (rule, planted, mended) => {
    const reported = `(${rule})`
    expect(lint({ 'runtime/broker/x.ts': planted }, true)).toContain(reported)
    expect(lint({ 'runtime/broker/x.ts': mended }, true)).not.toContain(reported)
  })

  test('finds a cycle', () => {
    const files = {
      'runtime/broker/a.ts': "import { b } from './b.ts'\n\nexport const a = (): unknown => b\n",
      'runtime/broker/b.ts': "import { a } from './a.ts'\n\nexport const b = (): unknown => a\n",
    }
    expect(lint(files)).toContain('no-cycle')
  })

  test('finds nothing where nothing is planted', () => {
    const files = {
      'runtime/policy/y.ts': 'export const y = 1\n',
      'runtime/policy/x.ts': uses('./y.ts'),
      'runtime/policy/z.ts': uses('ipaddr.js'),
      'runtime/node-x.ts': uses('node:fs'),
    }
    expect(lint(files)).toContain('Found 0 warnings and 0 errors')
  })
})

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !path.includes('node_modules/'))
}

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

const sources = ['runtime', 'tools', 'agents', 'test'].flatMap(filesBelow)

describe('the tree', () => {
  test('has no drawers', () => {
    expect(sources.filter((file) => /(util|helper|manager|misc|common|service)s?[./-]/.test(file))).toEqual([])
  })

  test('names no drawers in what it exports', () => {
    const exported =
      /^export (?:async )?(?:function\*?|class|const|interface|type) (\w*(?:[Mm]anager|[Hh]elper|[Uu]til|[Ss]ervice)\w*)/gm
    const found = sources.flatMap((file) => [...textOf(file).matchAll(exported)].map(([, name]) => `${file}: ${name}`))
    expect(found).toEqual([])
  })

  // The linter sees only what is imported at the top of a file.
  test('loads late what it may, where it may', () => {
    const late = /\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g
    const found = filesBelow('runtime').flatMap((file) => {
      const code = textOf(file).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')
      return [...code.matchAll(late)].map(([, name = '']) => `${file} ${name}`)
    })
    const allowed = [
      /^runtime\/cli\/\S+ \.{1,2}\//,
      /^runtime\/(\w+)\/\S+ \.\/[\w-]+\.ts$/,
      /^runtime\/model\/agents-sdk\.ts (@openai\/agents|openai)$/,
      /^runtime\/tool\/\S+ (esbuild|@babel\/parser)$/,
      /^runtime\/definition\/public-suffixes\.ts tldts$/,
      // The text of a guest's code.
      /^runtime\/tool\/request-tool\.ts run-agent$/,
      /^runtime\/sandbox\/guest\/platform\/runtime\.ts run-agent$/,
    ]
    expect(found.length).toBeGreaterThan(0)
    expect(found.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([])
  })

  test('mentions no place of the machine that it was written on', () => {
    const pages = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== '.git')
    const places = /(?<![\w$.-])\/(?:root|work|Users\/\w+|home\/(?!user\b|ada\b)\w+)\/\w/
    const files = [...sources, ...pages.map((entry) => entry.name), '.ci/run']
    expect(files.filter((file) => file !== 'test/tidy.test.ts' && places.test(textOf(file)))).toEqual([])
  })

  test('leaves nothing for later, and tests nothing alone', () => {
    const left = sources.filter((file) => {
      // One plants such words for the reviewer to find.
      if (['test/tidy.test.ts', 'test/agents/reviewer.test.ts'].includes(file)) return false
      const text = textOf(file)
      const isTest = file.startsWith('test/')
      return (
        /\b(TODO|FIXME|XXX|HACK)\b/.test(text) ||
        (isTest && /\b(it|test|describe)\.(only|todo)\b/.test(text.replaceAll(/'[^']*'/g, '')))
      )
    })
    expect(left).toEqual([])
  })

  test('has one title in each page', () => {
    for (const page of readdirSync(root).filter((name) => name.endsWith('.md'))) {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/```[\s\S]*?```/g, '')
      expect(text.match(/^# /gm), page).toHaveLength(1)
    }
  })

  test('names every dependency with its reason', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
    expect(Object.keys(dependencies).filter((name) => !page.includes(name))).toEqual([])
  })
})
