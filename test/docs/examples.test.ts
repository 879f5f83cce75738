/**
 * Every example of the guides and of the README, in the order of the page, in one scratch repository a page:
 * definitions are parsed, tools are loaded and called, commands are executed, what a page shows of them is compared.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testTool } from 'run-agent/test'
import { parse as parseYaml } from 'yaml'
import { parseConfig } from '../../runtime/definition/config.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { openDesk, REPOSITORY, type Desk } from '../support/program.ts'
import { openTestRepository } from '../support/repository.ts'
import { blocksOf, isShownAs, type Block } from './page.ts'

/** Measurements have no examples. */
const PAGES = ['README.md', ...readdirSync(join(REPOSITORY, 'docs')).map((name) => `docs/${name}`)].filter(
  (page) => page !== 'docs/speed.md',
)

/** As `npx run-agent` and `run-agent` are found in a folder where it is installed; npm itself has nothing to do. */
function installPrograms(bin: string): void {
  const node = `exec '${process.execPath}' '${REPOSITORY}/runtime/bin.js'`
  const programs = {
    'run-agent': `${node} "$@"`,
    npx: `[ "$1" = run-agent ] || exit 127\nshift\n${node} "$@"`,
    npm: 'exit 0',
  }
  mkdirSync(bin)
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  symlinkSync(process.execPath, join(bin, 'node'))
}

/** Two commits, a tool's sources, the agents that come with run-agent, and run-agent itself. */
function fill(desk: Desk): void {
  const repository = openTestRepository(desk.workspace)
  repository.git('init', '-q', '-b', 'main')
  repository.commit({ 'README.md': '# Scratch\n', 'src/app.ts': 'export const a = 1\n' }, 'one')
  // Made at run time, so that no scanner takes the test for a leak.
  const token = `ghp_${'a8Fk2Lq9Zx7Wc5Vb3Nm1Qw4Er6Ty8Ui0Op2A'}`
  repository.commit({ 'b.js': `// 1\n// 2\n// 3\n// 4\nexport const token = '${token}'\n` }, 'two')
  mkdirSync(join(desk.workspace, 'node_modules'))
  symlinkSync(REPOSITORY, join(desk.workspace, 'node_modules/run-agent'))
}

describe.each(PAGES)('%s', (page) => {
  const blocks = blocksOf(readFileSync(join(REPOSITORY, page), 'utf8'))
  let desk: Desk
  let printed = ''
  const shell = (text: string, ...options: readonly string[]): number | null => {
    const bin = join(desk.home, 'bin')
    const { status, stdout } = spawnSync('bash', ['-euo', 'pipefail', ...options, '-c', `exec 2>&1\n${text}`], {
      cwd: desk.workspace,
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        PATH: `${bin}:/usr/bin:/bin`,
        HOME: desk.home,
        XDG_STATE_HOME: join(desk.home, 'state'),
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(desk.home, 'cache'),
        // In a checkout the package's files are TypeScript.
        NODE_OPTIONS: '--conditions=run-agent-checkout',
      },
    })
    printed = stdout
    return status
  }
  beforeAll(() => {
    desk = openDesk()
    fill(desk)
    installPrograms(join(desk.home, 'bin'))
    // The README shows no script, uses what it shows further down, and runs an agent that comes with run-agent.
    if (page === 'README.md') {
      symlinkSync(join(REPOSITORY, 'agents'), join(desk.workspace, 'agents'))
      const script = "import { defineScript } from 'run-agent'\nexport default defineScript(() => 'done')\n"
      desk.write({ 'reader.script.ts': script })
      for (const block of blocks) if (fileOf(block) !== undefined) save(block)
    }
    if (page === 'docs/ci.md') expect(shell('run-agent init')).toBe(0)
  })
  afterAll(() => desk[Symbol.dispose]())

  const save = (block: Block): string => {
    const { text } = block
    const path = join(desk.workspace, fileOf(block) ?? expect.fail('the block has no file'))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  const checks: Readonly<Record<string, (block: Block) => void | Promise<void>>> = {
    yaml(block) {
      if (block.file !== undefined) save(block)
      const { text, kind } = block
      const file = `${page}.yaml`
      if (kind === 'workflow') expect(Object.keys(parseYaml(text) as object).length).toBeGreaterThan(0)
      else if (kind === 'config') parseConfig({ file, text })
      else if (kind === 'wrong') expect(() => parseDefinition({ file, text })).toThrow(file)
      else parseDefinition({ file, text: kind === 'part' ? whole(text) : text })
    },
    markdown(block) {
      parseDefinition({ file: save(block), text: block.text })
    },
    async ts(block) {
      const path = save(block)
      if (!block.text.includes('defineTool')) return
      // What is not called with what it needs answers so; a tool that cannot be loaded rejects.
      const { error } = await testTool(path, { rules: { read: ['**'] } })
      expect(error?.name).toBe('InvalidArguments')
    },
    js: (block) => void save(block),
    sh({ text, kind }) {
      expect(shell(text, ...(kind === 'setup' ? ['-n'] : [])), printed).toBe(0)
    },
    text({ text, kind }) {
      if (kind === 'output') expect(isShownAs(text, printed), printed).toBe(true)
      // The one line of a crontab: five fields, and a command.
      else expect(text).toMatch(/^(?:[\d*/]+ ){5}cd \S+ && npx run-agent .*\n$/)
    },
    console({ text }) {
      for (const session of text.split(/^\$ /m).slice(1)) {
        const [command = '', ...shown] = session.split('\n')
        expect(shell(command)).toBe(0)
        expect(isShownAs(shown.join('\n'), printed), printed).toBe(true)
      }
    },
    ini({ text }) {
      expect(text.split('\n').every((line) => /^(?:\[\w+\]|\w+=\S.*|)$/.test(line))).toBe(true)
    },
  }

  test.each(
    blocks.map((block) => [`line ${block.line}: ${block.language} ${block.file ?? block.kind}`, block] as const),
  )('%s', { timeout: 90_000 }, async (_name, block) => {
    const check = checks[block.language]
    if (check === undefined) throw new Error(`no example may be in ${block.language}: nothing checks it`)
    await check(block)
  })
})

/** The README's blocks say it themselves: a tool in its first line, a definition by its name. */
function fileOf({ file, language, text }: Block): string | undefined {
  if (file !== undefined) return file
  if (language === 'ts') return /^\/\/ (\S+\.ts)\n/.exec(text)?.[1]
  const name = language === 'yaml' ? /^name: (\S+)\n/.exec(text)?.[1] : undefined
  return name === undefined ? undefined : `${name}.yaml`
}

/** A part of a definition, with the least that makes it one. */
function whole(part: string): string {
  const keys = new Set([...part.matchAll(/^(\w+):/gm)].map(([, key]) => key))
  const least = { name: 'part', ...(keys.has('model') ? {} : { model: 'openai/gpt-5.6-luna' }) }
  return `${Object.entries(least)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')}${part}`
}

describe('isShownAs()', () => {
  const run = ['01M877R8WG7GHYK2TBAS4FWAQ3', '01M87SADXHZQM7HYB5A5CZKCSR'] as const
  test.each([
    ['a\n', 'a\n', true],
    ['a\n', 'b\n', false],
    ['a\n', 'a\nb\n', false],
    ['a\n…\n', 'a\nb\nc\n', true],
    ['a …\n', 'a b\n', true],
    ['a …\n', 'a b\nc\n', false],
    [`run ${run[0]}\n`, `run ${run[1]}\n`, true],
    [`run ${run[0]}\n`, 'run x\n', false],
    ['head 76 346b03f52b88f8e0\n', 'head 8 0123456789abcdef\n', true],
  ])('%j, %j: %s', (shown, printed, expected) => {
    expect(isShownAs(shown, printed)).toBe(expected)
  })
})
