import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { bundleWithCache } from '../../runtime/tool/bundle-cache.ts'
import type { CachedBundle, CacheFolder } from '../../runtime/tool/bundle-cache.ts'
import { openSources } from '../../runtime/tool/confined-sources.ts'
import { bundleOptions } from '../support/bundling.ts'
import { makeTree } from '../support/tree.ts'
import type { Tree } from '../support/tree.ts'

let tree: Tree
let records: Map<string, Uint8Array>
let folder: string
const cache: CacheFolder = {
  read: (name) => records.get(name),
  write: (name, bytes) => void records.set(name, bytes),
  pathOf: () => undefined,
}

beforeEach(() => {
  records = new Map()
  tree = makeTree([
    "agents/tool.ts=import { x } from './x.js'\nimport p from 'p'\nexport default { x, p }",
    'agents/x.js=export const x = 1',
    'node_modules/p/package.json={"version":"1.0.0"}',
    'node_modules/p/index.js=export default 1',
    'agents/y.ts=',
  ])
  folder = join(tree.path, 'agents')
})
afterEach(() => tree[Symbol.dispose]())

async function run(options = bundleOptions): Promise<CachedBundle> {
  using sources = openSources(nodeFileHost, folder)
  return await bundleWithCache(cache, folder, './tool.ts', sources, options)
}

describe('a bundle is reused', () => {
  test('while nothing changes', async () => {
    const first = await run()
    const second = await run()
    expect([first.reused, second.reused]).toEqual([false, true])
    expect(second.bundle).toEqual(first.bundle)
  })

  test('although a file that it never looked at changes', async () => {
    await run()
    writeFileSync(join(folder, 'y.ts'), 'changed')
    expect((await run()).reused).toBe(true)
  })
})

describe('a bundle is made again', () => {
  test.each<[string, () => void]>([
    ['the entry changes', () => writeFileSync(join(folder, 'tool.ts'), 'export default 2')],
    ['an import changes', () => writeFileSync(join(folder, 'x.js'), 'export const x = 2')],
    ['a package changes', () => writeFileSync(join(tree.path, 'node_modules/p/index.js'), 'export default 2')],
    [
      'a package.json changes',
      () => writeFileSync(join(tree.path, 'node_modules/p/package.json'), '{"version":"1.0.1"}'),
    ],
    [
      'a folder of node_modules appears nearer',
      () => {
        mkdirSync(join(folder, 'node_modules/p'), { recursive: true })
        writeFileSync(join(folder, 'node_modules/p/package.json'), '{}')
        writeFileSync(join(folder, 'node_modules/p/index.js'), 'export default 3')
      },
    ],
    [
      'a file becomes a link to another of the same content',
      () => {
        writeFileSync(join(folder, 'z.js'), 'export const x = 1')
        rmSync(join(folder, 'x.js'))
        symlinkSync('z.js', join(folder, 'x.js'))
      },
    ],
  ])('when %s', async (_what, change) => {
    await run()
    change()
    expect((await run()).reused).toBe(false)
    expect((await run()).reused).toBe(true)
  })

  test('when a file appears that comes first', async () => {
    rmSync(join(folder, 'x.js'))
    writeFileSync(join(folder, 'x.ts'), 'export const x = 1')
    const before = await run()
    writeFileSync(join(folder, 'x.js'), 'export const x = 9')
    const after = await run()
    expect(after.reused).toBe(false)
    expect(after.bundle.hash).not.toBe(before.bundle.hash)
  })

  test('when the sandbox has other modules', async () => {
    await run()
    expect((await run({ ...bundleOptions, guestModules: new Set(['path']) })).reused).toBe(false)
  })

  test.each<[string, string, (text: string) => string]>([
    ['it is cut', '.json', (text) => text.slice(0, -20)],
    ['its code is cut', '.cjs', (text) => text.slice(0, -20)],
    ['its code is another', '.cjs', (text) => text.replace('var x=1', 'var x=7').replace('var x = 1', 'var x = 7')],
    ['it is something else', '.json', () => '[]'],
    ['it has no inputs', '.json', (text) => JSON.stringify({ ...(JSON.parse(text) as object), inputs: [] })],
    [
      'an input is no input',
      '.json',
      (text) => JSON.stringify({ ...(JSON.parse(text) as object), inputs: [{ tree: -1 }] }),
    ],
  ])('when the record is broken: %s', async (_what, ending, damage) => {
    await run()
    for (const [name, bytes] of [...records].filter((record) => record[0].endsWith(ending))) {
      const text = new TextDecoder().decode(bytes)
      expect(damage(text)).not.toBe(text)
      records.set(name, new TextEncoder().encode(damage(text)))
    }
    expect((await run()).reused).toBe(false)
    expect((await run()).reused).toBe(true)
  })
})
