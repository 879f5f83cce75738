import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openDesk, REPOSITORY, type Desk } from '../support/program.ts'

const desks: Desk[] = []

afterEach(() => {
  for (const desk of desks.splice(0)) desk[Symbol.dispose]()
})

function openedDesk(files: Readonly<Record<string, string>> = {}): Desk {
  const desk = openDesk(files)
  desks.push(desk)
  return desk
}

const FILES = [
  'agents/hello.script.ts',
  'agents/hello.yaml',
  'agents/tools/count_words.test.mjs',
  'agents/tools/count_words.ts',
]

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted()

/** As `npm install` leaves it. */
function install(folder: string): void {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(REPOSITORY, join(folder, 'node_modules/run-agent'))
}

describe('init', () => {
  test('writes an agent that runs at once, with a tool whose test passes', async () => {
    const desk = openedDesk()
    install(desk.workspace)
    const { exit, stdout, stderr } = await desk.run('init')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(FILES.every((file) => stdout.includes(`wrote ${file}\n`))).toBe(true)
    const [check, run, unit] = stdout.split('next:\n')[1]?.trimEnd().split('\n') ?? []
    expect([check, run, unit]).toEqual([
      '  npx run-agent check agents/hello.yaml',
      '  npx run-agent agents/hello.yaml --trust',
      '  node --test agents/tools/count_words.test.mjs',
    ])
    expect((await desk.run('check', 'agents/hello.yaml')).exit).toBe(0)
    const ran = await desk.run('agents/hello.yaml', '--trust')
    expect(ran.stdout).toMatch(/- agents\/hello\.yaml: \d+ words/)
    expect(ran.exit).toBe(0)
    expect((await desk.run('replay', 'last')).exit).toBe(0)
    // In a checkout `run-agent/test` is TypeScript, which the package is not; test/package.test.ts has Node's own.
    const environment = { ...process.env }
    for (const name of ['NODE_OPTIONS', 'NODE_TEST_CONTEXT']) delete environment[name]
    const words = ['--conditions=run-agent-checkout', ...(unit ?? '').trim().split(' ').slice(1)]
    const tested = execFileSync(process.execPath, words, { cwd: desk.workspace, encoding: 'utf8', env: environment })
    expect(tested).toMatch(/pass 2\n/)
  })

  test('overwrites nothing, and writes nothing where one of its files is there', async () => {
    const desk = openedDesk({ 'agents/hello.yaml': 'mine', 'README.md': '# Mine' })
    const { exit, stdout, stderr } = await desk.run('init')
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toContain('nothing was written: agents/hello.yaml is there already')
    expect(filesBelow(desk.workspace)).toEqual(['README.md', 'agents/hello.yaml'])
    expect(readFileSync(join(desk.workspace, 'agents/hello.yaml'), 'utf8')).toBe('mine')
  })

  test('makes the folder that is named, and says how to go on where run-agent is not installed', async () => {
    const desk = openedDesk()
    const { exit, stdout } = await desk.run('init', "deep/it's new")
    expect(exit).toBe(0)
    expect(filesBelow(join(desk.workspace, "deep/it's new"))).toEqual(FILES)
    expect(stdout).toContain('run-agent is not installed in that folder')
    expect(stdout).toContain(`  cd 'deep/it'\\''s new'\n`)
    expect(stdout).not.toContain('npx')
  })

  test('goes beside what a repository has', async () => {
    const desk = openedDesk({ 'agents/other.yaml': 'name: other', 'package.json': '{"type":"commonjs"}' })
    expect((await desk.run('init')).exit).toBe(0)
    expect(filesBelow(desk.workspace)).toEqual([...FILES, 'agents/other.yaml', 'package.json'].toSorted())
  })

  test.each(['agents', 'agents/tools', 'agents/hello.yaml'])('follows no link out of the folder: %s', async (link) => {
    const desk = openedDesk({ 'agents/kept.txt': '' })
    const target = join(desk.home, 'outside')
    mkdirSync(target)
    const place = join(desk.workspace, link === 'agents' ? 'sub/agents' : link)
    mkdirSync(join(place, '..'), { recursive: true })
    symlinkSync(link.endsWith('.yaml') ? join(target, 'made.yaml') : target, place)
    const { exit } = await desk.run('init', link === 'agents' ? 'sub' : '.')
    expect(exit).toBe(2)
    expect(readdirSync(target)).toEqual([])
    expect(existsSync(join(target, 'made.yaml'))).toBe(false)
  })

  test('follows a link that stays inside', async () => {
    const desk = openedDesk({ 'real/x.txt': '' })
    symlinkSync('real', join(desk.workspace, 'agents'))
    expect((await desk.run('init')).exit).toBe(0)
    expect(existsSync(join(desk.workspace, 'real/hello.yaml'))).toBe(true)
  })

  test('says what is wrong with a folder that cannot be made', async () => {
    const desk = openedDesk()
    writeFileSync(join(desk.workspace, 'file'), '')
    const { exit, stderr } = await desk.run('init', 'file/below')
    expect(exit).toBe(2)
    expect(stderr).toContain("couldn't make the folder")
  })
})
