import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { bundleFolder, bundleOptions, evaluate, problemsOfBundle } from '../support/bundling.ts'
import { makeTree } from '../support/tree.ts'
import type { Tree } from '../support/tree.ts'

const trees: Tree[] = []
afterEach(() => {
  for (const tree of trees.splice(0)) tree[Symbol.dispose]()
})

function folderOf(...entries: readonly string[]): string {
  const tree = makeTree(entries)
  trees.push(tree)
  return tree.path
}

async function exportsOf(...entries: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { code } = await bundleFolder(folderOf(...entries))
  return evaluate(code)
}

describe('a tool of several files', () => {
  test('becomes one script with the guest modules left outside', async () => {
    const bundle = await bundleFolder(
      folderOf(
        `tool.ts=import { readFile } from 'fs/promises'
          import { defineTool } from 'run-agent'
          import { x } from './lib/x.js'
          export default defineTool({ x, readFile })`,
        'lib/x.ts=export const x: number = 4',
      ),
    )
    expect(bundle.builtins).toEqual(['node:fs/promises'])
    const modules = { 'node:fs/promises': { readFile: 1 }, 'run-agent': { defineTool: (tool: unknown) => tool } }
    expect(evaluate(bundle.code, modules)['default']).toEqual({ x: 4, readFile: 1 })
    expect(bundle.inputs).toContainEqual(expect.objectContaining({ path: 'lib/x.js', hash: 'absent' }))
  })

  test.each([
    ['an extension left out', './x', 'x.ts'],
    ['an mts file', './x', 'x.mts'],
    ['the name after compiling', './x.mjs', 'x.mts'],
    ['a folder', './x', 'x/index.ts'],
    ['a name with a dot', './x.config', 'x.config.ts'],
    ['the folder itself', './lib/..', 'index.js'],
  ])('finds %s', async (_what, specifier, file) => {
    const found = await exportsOf(`tool.ts=export { x } from '${specifier}'`, `${file}=export const x = 5`, 'lib/')
    expect(found['x']).toBe(5)
  })

  test('takes JSON, with and without the attribute that Node asks for', async () => {
    const source = "import a from './a.json'\nimport b from './a.json' with { type: 'json' }\nexport { a, b }"
    const found = await exportsOf(`tool.ts=${source}`, 'a.json={"k":1}')
    expect(found).toMatchObject({ a: { k: 1 }, b: { k: 1 } })
  })
})

describe('packages', () => {
  const pkg = (name: string, json: object): string => `node_modules/${name}/package.json=${JSON.stringify(json)}`

  test.each<[string, object, string, string]>([
    ['main', { main: 'm.js' }, 'p', 'm.js'],
    ['main without an extension', { main: './m' }, 'p', 'm.js'],
    ['main that is a folder', { main: './lib' }, 'p', 'lib/index.js'],
    ['module before main', { main: 'n.js', module: 'm.js' }, 'p', 'm.js'],
    ['browser before module', { browser: 'm.js', module: 'n.js' }, 'p', 'm.js'],
    ['index', {}, 'p', 'index.js'],
    ['a file', {}, 'p/lib/m', 'lib/m.js'],
    ['exports as text', { exports: './m.js' }, 'p', 'm.js'],
    ['conditions', { exports: { node: './n.js', import: './m.js', default: './n.js' } }, 'p', 'm.js'],
    ['nested conditions', { exports: { '.': { node: './n.js', browser: { import: './m.js' } } } }, 'p', 'm.js'],
    ['a pattern', { exports: { './*': './n/*.js', './sub/*': './lib/*.js' } }, 'p/sub/m', 'lib/m.js'],
    ['a pattern with an end', { exports: { './*.js': './lib/*.js' } }, 'p/m.js', 'lib/m.js'],
    ['a list', { exports: [{ worker: './n.js' }, './m.js'] }, 'p', 'm.js'],
    ['a browser map', { main: 'n.js', browser: { './n.js': './m.js' } }, 'p', 'm.js'],
  ])('%s', async (_what, json, specifier, file) => {
    const others = file === 'n.js' ? [] : ['node_modules/p/n.js=export const x = 0']
    const entries = [pkg('p', json), `node_modules/p/${file}=export const x = 5`, ...others]
    expect((await exportsOf(`tool.ts=export { x } from '${specifier}'`, ...entries))['x']).toBe(5)
  })

  test('the nearest copy wins, and each package sees its own', async () => {
    const found = await exportsOf(
      "tool.ts=import { q } from 'p'\nimport { q as own } from 'q'\nexport { q, own }",
      pkg('p', { version: '1.0.0' }),
      "node_modules/p/index.js=export { q } from 'q'",
      pkg('p/node_modules/q', { version: '1.0.0' }),
      'node_modules/p/node_modules/q/index.js=export const q = 1',
      pkg('q', { version: '2.0.0' }),
      'node_modules/q/index.js=export const q = 2',
    )
    expect(found).toMatchObject({ q: 1, own: 2 })
  })

  test('a folder of node_modules above the definition counts, and the nearer one wins', async () => {
    const folder = folderOf(
      "agents/tool.ts=import a from 'a'\nimport b from 'b'\nexport { a, b }",
      'node_modules/a/package.json={}',
      "node_modules/a/index.js=export { default } from 'b'",
      'node_modules/b/package.json={}',
      'node_modules/b/index.js=export default "far"',
      'agents/node_modules/b/package.json={}',
      'agents/node_modules/b/index.js=export default "near"',
    )
    const { code } = await bundleFolder(join(folder, 'agents'))
    expect(evaluate(code)).toMatchObject({ a: 'far', b: 'near' })
  })

  test('links inside node_modules are followed to the neighbours of their target', async () => {
    const found = await exportsOf(
      "tool.ts=export { default } from 'a'",
      'node_modules/a => .pnpm/a@1/node_modules/a',
      'node_modules/.pnpm/a@1/node_modules/a/package.json={}',
      "node_modules/.pnpm/a@1/node_modules/a/index.js=export { default } from 'b'",
      'node_modules/.pnpm/a@1/node_modules/b/package.json={}',
      'node_modules/.pnpm/a@1/node_modules/b/index.js=export default 5',
    )
    expect(found['default']).toBe(5)
  })

  test('private imports of a package', async () => {
    const found = await exportsOf(
      "tool.ts=export { default } from 'a'",
      pkg('a', { imports: { '#x': { node: './n.js', default: './x.js' } } }),
      "node_modules/a/index.js=export { default } from '#x'",
      'node_modules/a/x.js=export default 5',
    )
    expect(found['default']).toBe(5)
  })

  test('an optional module that is missing is caught by the package', async () => {
    const found = await exportsOf(
      "tool.ts=export { default } from 'a'",
      pkg('a', {}),
      "node_modules/a/index.js=try { require('zlib') } catch (e) { exports.default = e.message }",
    )
    expect(found).toHaveProperty('default.default', 'the Node builtin node:zlib has no counterpart in the sandbox')
  })

  test("the stand-in for process is the sandbox's own, where it has one", async () => {
    const files = [
      "tool.ts=import process from 'process/'\nexport default process",
      pkg('process', {}),
      'node_modules/process/index.js=module.exports = 5',
    ]
    expect((await exportsOf(...files))['default']).toBe(5)
    const { builtins } = await bundleFolder(folderOf(...files), './tool.ts', {
      ...bundleOptions,
      guestModules: new Set(['process']),
    })
    expect(builtins).toEqual(['node:process'])
  })

  test('a package replaces a builtin without a counterpart, as bundlers for browsers do', async () => {
    const found = await exportsOf(
      "tool.ts=export { x } from 'events'",
      pkg('events', {}),
      'node_modules/events/index.js=exports.x = 5',
    )
    expect(found['x']).toBe(5)
  })

  test('a package may be the entry', async () => {
    const folder = folderOf(pkg('p', {}), 'node_modules/p/index.js=export default 5')
    expect(evaluate((await bundleFolder(folder, 'p')).code)['default']).toBe(5)
  })
})

describe('problems', () => {
  test('name the place, quote the line and say what to do', async () => {
    const folder = folderOf("tool.ts=const é = 'ü'; import { exec } from 'node:child_process'\nexec(é)")
    expect(await problemsOfBundle(folder, { ...bundleOptions, displayFolder: 'agents/' })).toEqual([
      {
        file: 'agents/tool.ts',
        line: 1,
        column: 37,
        message: 'the Node builtin node:child_process has no counterpart in the sandbox',
        hint: 'A tool starts no process. A tool may import node:buffer, node:fs/promises, node:path, node:url.',
        source: "const é = 'ü'; import { exec } from 'node:child_process'",
      },
    ])
  })

  test('are all reported, in the order of their places', async () => {
    const source =
      "import './b'\nimport c from 'c'\nimport './d.txt'\nimport { e } from './e'\nimport '#f'\nexport { c, e }"
    const problems = await problemsOfBundle(folderOf(`tool.ts=${source}`, 'e.ts=import "net"'))
    expect(problems.map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual([
      'e.ts:1 the Node builtin node:net has no counterpart in the sandbox',
      'tool.ts:1 there is no module ./b',
      'tool.ts:2 the package c is not installed beside the definition or above it',
      'tool.ts:3 there is no module ./d.txt: only .ts, .js and .json files are bundled',
      'tool.ts:5 there is no module #f',
    ])
  })

  test('a syntax error stands at its place', async () => {
    const [problem] = await problemsOfBundle(folderOf('tool.ts=const a: number = 1\nlet x: = 3'))
    expect(problem).toMatchObject({ file: 'tool.ts', line: 2, column: 8, source: 'let x: = 3' })
  })

  test('inside a package the line is not quoted, and the file that brought it in is named', async () => {
    const folder = folderOf(
      "tool.ts=import 'p'",
      'node_modules/p/package.json={"version":"1.2.3"}',
      "node_modules/p/index.js=import 'net'",
    )
    expect(await problemsOfBundle(folder)).toEqual([
      expect.objectContaining({
        file: 'npm:p@1.2.3/index.js',
        hint: expect.stringContaining('It is brought in by tool.ts.') as string,
      }),
    ])
    expect((await problemsOfBundle(folder))[0]).not.toHaveProperty('source')
  })

  test('a missing entry', async () => {
    await expect(bundleFolder(folderOf('a/'), './tool.ts')).rejects.toMatchObject({
      code: 'E_TOOL_LOAD',
      message: './tool.ts: there is no module ./tool.ts',
    })
  })
})

describe('the bytes', () => {
  test('are the same wherever the folder lies and in whatever order it was written', async () => {
    const files = [
      "agents/tool.ts=import a from 'a'; import { b } from './lib/b.ts'; import c from 'c'; export default { a, b, c }",
      'agents/lib/b.ts=export const b = 1',
      'node_modules/a/package.json={"version":"1.0.0"}',
      "node_modules/a/index.js=module.exports = require('c')",
      'node_modules/c/package.json={"version":"1.0.0"}',
      'node_modules/c/index.js=exports.c = 1',
    ]
    const first = folderOf(...files)
    const second = join(folderOf('somewhere/else/'), 'somewhere/else/repo')
    mkdirSync(second)
    for (const name of readdirSync(first).toReversed())
      cpSync(join(first, name), join(second, name), { recursive: true })
    const third = folderOf(...files.toReversed())
    const bundles = await Promise.all(
      [first, second, third].map(async (folder) => await bundleFolder(join(folder, 'agents'))),
    )
    expect(new Set(bundles.map((bundle) => bundle.hash)).size).toBe(1)
    expect(bundles[0]?.code).not.toContain(first)
    expect(bundles[0]?.code).toContain('// npm:a@1.0.0/index.js')
  })
})

describe('real packages', () => {
  const root = join(import.meta.dirname, '../..')

  test.each([
    'isomorphic-git',
    'pako',
    'diff',
    'yaml',
    '@babel/parser',
    'buffer/',
    'zod',
    'jsonc-parser',
    'ignore',
    '@cfworker/json-schema',
  ])('%s', async (name) => {
    const folder = join(root, 'node_modules', '.bundle-test', name.replaceAll('/', '-'))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'tool.ts'), `import * as all from '${name}'\nexport default all`)
    try {
      const { code } = await bundleFolder(folder)
      const all = evaluate(code, { 'node:buffer': await import('node:buffer') })['default']
      expect(Object.keys(all as object).length).toBeGreaterThan(0)
    } finally {
      rmSync(join(root, 'node_modules', '.bundle-test'), { recursive: true })
    }
  })

  test('the tools that come with run-agent', async () => {
    const names = readdirSync(join(root, 'tools')).filter((name) => name.endsWith('.ts'))
    for (const name of names) {
      const bundle = await bundleFolder(join(root, 'tools'), `./${name}`)
      expect(bundle.code).toContain(`// tool:${name}`)
      expect(bundle.code).not.toContain(root)
    }
    expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('"esbuild"')
  })
})
