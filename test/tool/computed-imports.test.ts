import * as esbuild from 'esbuild'
import { expect, test } from 'vitest'
import { findSuspect, neutraliseComputedImports } from '../../runtime/tool/computed-imports.ts'

const computed = [
  "import('./' + x)",
  'import(`./${x}`)',
  "import(/* c */ './' + x)",
  "import\n// c\n('./' + x)",
  "import(a ? './' + x : './b')",
  "import.defer('./' + x)",
  "require('./' + x)",
  "require?.('./' + x)",
  "require!('./' + x)",
  "require<any>('./' + x)",
  "(require)('./' + x)",
  "(require as any)('./' + x)",
  "(require satisfies any)('./' + x)",
  "module.require('./' + x)",
  "module['require']('./' + x)",
  "(module as any)['\\x72equire']('./' + x)",
  "require <!-- c\n('./' + x)",
  "require\n--> c\n('./' + x)",
  "requ\\u0069re('./' + x)",
  "requ\\u{69}re('./' + x)",
  "require('\\x2e/' + x)",
]
const plain = [
  "import('./x')",
  "import('./x', { with: {} })",
  'import(x)',
  "require('./x')",
  'require(`./x`)',
  'require(x.y)',
  "import x from './x'",
  "import './x'",
  'import.meta.url',
  'typeof require',
  'const required = 1',
  'module.exports = 1',
  "typeof module === 'object'",
]

test.each(computed)('%s is suspected', (source) => {
  expect(findSuspect(`  ${source}`)).toBeGreaterThan(0)
})

test.each(plain)('%s is not suspected', (source) => {
  expect(findSuspect(source)).toBeUndefined()
})

test.each(computed.filter((source) => !/<!--|-->/.test(source) && !source.includes('defer')))(
  '%s is left to the run',
  async (source) => {
    const { code, count } = await neutraliseComputedImports(esbuild, source, 'ts')
    expect(count).toBe(1)
    expect(code).toContain('(0,(')
    expect(findSuspect(code)).toBeDefined()
  },
)

test('calls inside calls are each left to the run', async () => {
  const { code } = await neutraliseComputedImports(esbuild, "require('a' + require('./' + import(`./${x}`)))", 'js')
  expect(code.match(/\(0,\(/g)).toHaveLength(3)
  await expect(esbuild.transform(code)).resolves.toBeDefined()
})

test('text that only speaks of imports stays as it is', async () => {
  expect((await neutraliseComputedImports(esbuild, "x = 'call import(a + b)'", 'js')).count).toBe(0)
})
