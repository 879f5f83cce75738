/**
 * A definition that tries to make the bundler embed a file of the host. Each attack has a negative control: esbuild
 * alone, in the same folder, does embed the secret, so that a silent change of the attack is seen.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { messageOf, ProblemsError } from '../../runtime/errors.ts'
import { BUNDLE_FILE_BYTES_MAX, BUNDLE_MODULES_MAX } from '../../runtime/limits.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { bundleWithCache } from '../../runtime/tool/bundle-cache.ts'
import { openSources } from '../../runtime/tool/confined-sources.ts'
import { bundleFolder, bundleOptions } from '../support/bundling.ts'
import { makeTree } from '../support/tree.ts'
import type { Tree } from '../support/tree.ts'

const SECRET = 'hunter2-7f3a9c'

interface Attack {
  readonly name: string
  /** Entries beside the definition, which lies in `repo/agents`; `$ABS` is the tree. */
  readonly entries: readonly string[]
  readonly source: string
  /** What plain esbuild is told; it must embed the secret. */
  readonly control?: BuildOptions
  /** The bundle succeeds, without the secret. */
  readonly bundles?: true
}

const LOADERS: BuildOptions = {
  loader: { '.txt': 'text', '.pem': 'text', '.node': 'text', '.wasm': 'text', '': 'text' },
}

const attacks: readonly Attack[] = [
  {
    name: 'an import attribute',
    entries: [],
    source: "import x from '../../outside/id_rsa' with { type: 'text' }\nexport default x",
  },
  {
    name: 'an import attribute on an absolute path',
    entries: [],
    source: "import x from '$ABS/outside/id_rsa' with { type: 'text' }\nexport default x",
  },
  {
    name: 'an import attribute on a file of the folder that is a link',
    entries: ['repo/agents/notes.txt => $ABS/outside/id_rsa'],
    source: "import x from './notes.txt' with { type: 'text' }\nexport default x",
  },
  {
    name: 'a committed link to a file',
    entries: ['repo/agents/data.json => $ABS/outside/secret.json'],
    source: "import x from './data.json'\nexport default x",
  },
  {
    name: 'a committed relative link',
    entries: ['repo/agents/data.json => ../../outside/secret.json'],
    source: "import x from './data.json'\nexport default x",
  },
  {
    name: 'a committed link to a folder',
    entries: ['repo/agents/lib => $ABS/outside'],
    source: "import x from './lib/secret.json'\nexport default x",
  },
  {
    name: 'a link with the name of a source file to a hidden file of the folder',
    entries: [
      'repo/agents/.docker/config.json={"auth":"hunter2-7f3a9c"}',
      'repo/agents/data.json => .docker/config.json',
    ],
    source: "import x from './data.json'\nexport default x",
  },
  {
    name: 'a hidden file of the folder',
    entries: ['repo/agents/.docker/config.json={"auth":"hunter2-7f3a9c"}'],
    source: "import x from './.docker/config.json'\nexport default x",
  },
  {
    name: 'a path out of the folder',
    entries: [],
    source: "import x from '../../outside/secret.json'\nexport default x",
  },
  { name: 'require of a path', entries: [], source: "module.exports = require('../../outside/secret.json')" },
  { name: 'require of an absolute path', entries: [], source: "module.exports = require('$ABS/outside/secret.json')" },
  { name: 'a dynamic import', entries: [], source: "export default import('../../outside/secret.json')" },
  {
    name: 'a computed import, which esbuild answers by listing folders',
    entries: [],
    source: 'export default (x) => import(`../../outside/${x}.json`)',
  },
  {
    name: 'a computed require in disguise',
    entries: [],
    source: "export default (x) => (requ\\u0069re as any)('../../outside/' + x + '.json')",
  },
  {
    name: 'a computed require inside a computed require',
    entries: [],
    source: "export default (x) => require('a' + require('../../outside/' + x + '.json'))",
  },
  {
    name: 'a path out of a package, into what lies beside it',
    entries: ['repo/node_modules/p/package.json={}', 'repo/node_modules/.cache/store/s.json={"auth":"hunter2-7f3a9c"}'],
    source: "import x from 'p/../.cache/store/s.json'\nexport default x",
  },
  {
    name: 'a computed require in a package',
    entries: [
      'repo/node_modules/p/package.json={}',
      "repo/node_modules/p/index.js=module.exports = (x) => require('../../../outside/' + x + '.json')",
    ],
    source: "import p from 'p'\nexport default p",
    bundles: true,
  },
  {
    name: "a package's main",
    entries: ['repo/node_modules/p/package.json={"main":"../../../outside/secret.json"}'],
    source: "import x from 'p'\nexport default x",
  },
  {
    name: "a package's browser map",
    entries: [
      'repo/node_modules/p/package.json={"main":"a.js","browser":{"./a.js":"../../../outside/secret.json"}}',
      'repo/node_modules/p/a.js=',
    ],
    source: "import x from 'p'\nexport default x",
    control: { platform: 'browser' },
  },
  {
    name: 'a package that is a link',
    entries: ['repo/node_modules/p => $ABS/outside'],
    source: "import x from 'p/secret.json'\nexport default x",
  },
  {
    name: 'a file of a package that is a link',
    entries: ['repo/node_modules/p/package.json={}', 'repo/node_modules/p/x.json => $ABS/outside/secret.json'],
    source: "import x from 'p/x.json'\nexport default x",
  },
  {
    name: 'a node_modules folder that is a link',
    entries: ['repo/node_modules => $ABS'],
    source: "import x from 'outside/secret.json'\nexport default x",
  },
  {
    name: 'a tsconfig with paths',
    entries: ['repo/agents/tsconfig.json={"compilerOptions":{"paths":{"x":["../../outside/secret.json"]}}}'],
    source: "import x from 'x'\nexport default x",
  },
  {
    name: 'a tsconfig that extends a file',
    entries: ['repo/agents/tsconfig.json={"extends":"../../outside/tsconfig.json"}'],
    source: 'export default <a/>\n',
    control: { loader: { '.ts': 'tsx' } },
  },
  ...['txt', 'pem', 'node', 'wasm'].map((extension) => ({
    name: `a .${extension} file`,
    entries: [`repo/agents/x.${extension}=${SECRET}`],
    source: `import x from './x.${extension}'\nexport default x`,
  })),
]

const trees: Tree[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const tree of trees.splice(0)) tree[Symbol.dispose]()
})

function plant(entries: readonly string[], source: string): { readonly root: string; readonly folder: string } {
  const tree = makeTree([
    `outside/id_rsa=${SECRET}`,
    `outside/secret.json={"key":"${SECRET}"}`,
    'outside/package.json={"name":"p"}',
    `outside/tsconfig.json={"compilerOptions":{"jsxFactory":"${SECRET.replaceAll('-', '_')}"}}`,
    'repo/agents/',
    ...entries,
  ])
  trees.push(tree)
  const folder = join(tree.path, 'repo/agents')
  writeFileSync(join(folder, 'tool.ts'), source.replaceAll('$ABS', tree.path))
  return { root: tree.path, folder }
}

function expectClean(text: string): void {
  expect(text.includes(SECRET) || text.includes(SECRET.replaceAll('-', '_'))).toBe(false)
}

describe('a planted file is embedded by plain esbuild and never by the bundler', () => {
  test.each(attacks)('$name', async ({ entries, source, control, bundles }) => {
    const { folder } = plant(entries, source)
    const plain = await build({
      entryPoints: [join(folder, 'tool.ts')],
      bundle: true,
      write: false,
      format: 'esm',
      logLevel: 'silent',
      ...LOADERS,
      ...control,
    })
    const embedded = plain.outputFiles?.[0]?.text ?? ''
    expect(embedded.includes(SECRET) || embedded.includes(SECRET.replaceAll('-', '_'))).toBe(true)

    const written: string[] = []
    const cache = {
      read: () => undefined,
      pathOf: () => undefined,
      write: (_name: string, bytes: Uint8Array) => void written.push(new TextDecoder().decode(bytes)),
    }
    using sources = openSources(nodeFileHost, folder)
    const result = await bundleWithCache(cache, folder, './tool.ts', sources, bundleOptions).catch(
      (thrown: unknown) => thrown,
    )
    if (bundles === true) expect(result).not.toBeInstanceOf(Error)
    else expect(result).toBeInstanceOf(ProblemsError)
    expectClean(JSON.stringify(result) + messageOf(result) + written.join(''))
  })
})

describe('nothing but the answers of the plugin is used', () => {
  test.each([
    ["import 'data:text/javascript,globalThis.x=1'", 'a tool cannot import a data: URL'],
    ["import 'https://example.com/x.js'", 'a tool cannot import a https: URL'],
    ["import 'file:///etc/passwd'", 'a tool cannot import a file: URL'],
    ["export default require.resolve('./tool.ts')", 'is not possible in a tool'],
    ["export default new URL('../../outside/secret.json', import.meta.url)", undefined],
    ['export default 1\n//# sourceMappingURL=../../outside/secret.json', undefined],
  ])('%s', async (source, message) => {
    const { folder } = plant([], source)
    const result = await bundleFolder(folder).catch((thrown: unknown) => thrown)
    if (message === undefined) expect(result).not.toBeInstanceOf(Error)
    else expect(messageOf(result)).toContain(message)
    expectClean(JSON.stringify(result) + messageOf(result))
  })

  test('a program named in the environment is never run as esbuild', async () => {
    const { root, folder } = plant([], 'export default 1')
    const program = join(root, 'esbuild')
    writeFileSync(program, `#!/bin/sh\ntouch ${root}/ran\n`, { mode: 0o755 })
    vi.stubEnv('ESBUILD_BINARY_PATH', program)
    vi.resetModules()
    const fresh = await import('../support/bundling.ts')
    await fresh.bundleFolder(folder)
    expect(existsSync(join(root, 'ran'))).toBe(false)
  })

  test('a key of an exports map is no regular expression', async () => {
    const entries = ['repo/node_modules/p/package.json={"exports":{"./(a+)+*b":"./x.js"}}', 'repo/node_modules/p/x.js=']
    const { folder } = plant(entries, `import 'p/${'a'.repeat(4000)}c'`)
    const before = performance.now()
    await expect(bundleFolder(folder)).rejects.toThrow('does not export')
    expect(performance.now() - before).toBeLessThan(5000)
  })

  test('package.json files that name each other as main end', async () => {
    const entries = [
      'repo/node_modules/p/package.json={}',
      'repo/node_modules/p/a/package.json={"main":"../b"}',
      'repo/node_modules/p/b/package.json={"main":"../a"}',
    ]
    const { folder } = plant(entries, "import 'p/a'")
    await expect(bundleFolder(folder)).rejects.toThrow('there is no module p/b')
  })
})

describe('limits', () => {
  test('one file', async () => {
    const { folder } = plant([], "import './big.js'")
    writeFileSync(join(folder, 'big.js'), '//'.padEnd(BUNDLE_FILE_BYTES_MAX + 1, 'x'))
    await expect(bundleFolder(folder)).rejects.toThrow(`larger than ${BUNDLE_FILE_BYTES_MAX} bytes`)
  })

  test('modules', async () => {
    const names = Array.from({ length: BUNDLE_MODULES_MAX }, (_, index) => index)
    const { folder } = plant([], names.map((name) => `import './m${name}.js'`).join('\n'))
    for (const name of names) writeFileSync(join(folder, `m${name}.js`), '')
    await expect(bundleFolder(folder)).rejects.toThrow(`more than ${BUNDLE_MODULES_MAX} modules`)
  })

  test('size of the bundle', async () => {
    const { folder } = plant([], "import './a.js'; import './b.js'; import './c.js'")
    for (const name of ['a', 'b', 'c'])
      writeFileSync(join(folder, `${name}.js`), `x(${JSON.stringify('x'.repeat(7_000_000))})`)
    await expect(bundleFolder(folder)).rejects.toThrow('its bundle is larger than')
  })

  test('time: the process of the bundler is stopped', async () => {
    const { folder } = plant([], 'export default 1')
    const clock = {
      now: () => 0,
      after: (_delayMs: number, callback: () => void) => {
        callback()
        return () => undefined
      },
    }
    const failure = await bundleFolder(folder, './tool.ts', { ...bundleOptions, clock }).catch(
      (thrown: unknown) => thrown,
    )
    expect(messageOf(failure)).toContain('bundling took over')
    expect(readFileSync(join(folder, 'tool.ts'), 'utf8')).toBe('export default 1')
  })
})
