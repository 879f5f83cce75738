/** The house rules, as tests: each import wall fires on a planted violation, and the tree itself is tidy. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const oxlint = join(root, 'node_modules/.bin/oxlint')

/** What the linter says of one small tree under the project's own configuration. */
function lint(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-tidy-'))
  try {
    const config = JSON.parse(
      readFileSync(join(root, '.oxlintrc.json'), 'utf8').replace(/^\s*\/\/.*$/gm, ''),
    ) as Record<string, unknown>
    // Types need the installed packages; the walls do not.
    delete config['options']
    writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify(config))
    cpSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    const { stdout, stderr } = spawnSync(oxlint, ['-c', '.oxlintrc.json', '.'], { cwd: folder, encoding: 'utf8' })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const uses = (module: string): string => `import * as planted from '${module}'\n\nexport const used = planted\n`
const RESTRICTED = 'no-restricted-imports'
const NODE = 'no-nodejs-modules'

describe('the linter', () => {
  test.each([
    ['runtime/policy/x.ts', uses('../broker/walker.ts'), RESTRICTED],
    ['runtime/policy/x.ts', uses('node:path'), NODE],
    ['runtime/sandbox/x.ts', uses('../broker/broker.ts'), RESTRICTED],
    ['runtime/sandbox/x.ts', uses('../credentials/scrub.ts'), RESTRICTED],
    ['runtime/sandbox/x.ts', uses('../audit/trail.ts'), RESTRICTED],
    ['runtime/model/x.ts', uses('../credentials/scrub.ts'), RESTRICTED],
    ['runtime/definition/x.ts', uses('../credentials/scrub.ts'), RESTRICTED],
    ['runtime/broker/x.ts', uses('node:fs'), NODE],
    ['runtime/broker/x.ts', uses('node:fs/promises'), NODE],
    ['runtime/tool/x.ts', uses('node:child_process'), NODE],
    ['runtime/model/x.ts', uses('node:net'), NODE],
    ['runtime/broker/x.ts', uses('node:dns'), NODE],
    ['runtime/broker/x.ts', uses('undici'), RESTRICTED],
    ['runtime/broker/x.ts', uses('better-sqlite3'), RESTRICTED],
    ['runtime/cli/x.ts', uses('isolated-vm'), RESTRICTED],
    ['runtime/broker/x.ts', uses('@openai/agents'), RESTRICTED],
    ['runtime/definition/x.ts', uses('esbuild'), RESTRICTED],
    ['runtime/broker/x.ts', 'export const used = process.env\n', 'no-process-env'],
    ['runtime/broker/x.ts', 'export const used = process.argv\n', 'no-restricted-properties'],
    ['runtime/broker/x.ts', "console.log('x')\n", 'no-console'],
    ['runtime/broker/x.ts', "export const used = fetch('x')\n", 'no-restricted-globals'],
  ])('finds what is planted in %s: %s', (file, text, rule) => {
    expect(lint({ [file]: text })).toContain(rule)
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
      'runtime/node-x.ts': uses('node:fs'),
    }
    expect(lint(files)).toContain('Found 0 warnings and 0 errors')
  })
})

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
}

const sources = ['runtime', 'tools', 'agents', 'test'].flatMap(filesBelow)

describe('the tree', () => {
  test('has no drawers', () => {
    expect(sources.filter((file) => /(util|helper|manager|misc|common|service)s?[./-]/.test(file))).toEqual([])
  })

  test('leaves nothing for later, and tests nothing alone', () => {
    const left = sources.filter((file) => {
      // One plants such words for the reviewer to find.
      if (['test/tidy.test.ts', 'test/agents/reviewer.test.ts'].includes(file)) return false
      const text = readFileSync(join(root, file), 'utf8')
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
