/** Trust on first use, and locks: what a run needs before it runs what nobody has seen. */
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { agentFiles, openDesk, REPOSITORY, type Desk, type Finished } from '../support/program.ts'
import { HAS_PSEUDO_TERMINAL, startOnTerminal } from '../support/pseudo-terminal.ts'

const FILES: Readonly<Record<string, string>> = {
  ...agentFiles({
    tools: {
      says: { rights: "read: ['src/*']", imports: "import { word } from '../lib/word.ts'", body: 'return word' },
    },
    script: "return await call('says')",
    more: 'instructions: { file: ./prompt.md }',
  }),
  'agent/lib/word.ts': "export const word = 'honest'\n",
  'agent/prompt.md': 'Be brief.\n',
}

/** As a person runs it: nothing is trusted beforehand. */
const run = (desk: Desk, ...args: string[]): Promise<Finished> => desk.runWith({ trust: 'asks' }, ...args)
const edit = (desk: Desk, file: string, from: string, to: string): void => {
  const path = join(desk.workspace, file)
  const text = readFileSync(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`)
  writeFileSync(path, text.replace(from, to))
}

const CHANGES: readonly (readonly [string, string, string, string])[] = [
  ['the prompt', 'agent/prompt.md', 'brief', 'long'],
  ['an import of a tool', 'agent/lib/word.ts', 'honest', 'forged'],
  ['a tool', 'agent/tools/says.ts', 'return word', 'return 1'],
  ['the script', 'agent/play.ts', "await call('says')", '2'],
  ['a rule', 'agent/agent.yaml', 'src/*', '**'],
  ['a comment of the definition', 'agent/agent.yaml', 'name: tested', 'name: tested # x'],
]

describe('an agent that was never run', () => {
  test('prints its rights and runs only with --trust, once and for all', async () => {
    using desk = openDesk(FILES)
    const refused = await run(desk, 'agent/agent.yaml')
    expect(refused).toMatchObject({ exit: 3, stdout: '' })
    for (const text of ['never been run by you', 'may read src/*', '--trust', 'run-agent lock agent/agent.yaml']) {
      expect(refused.stderr).toContain(text)
    }
    expect(existsSync(desk.trail)).toBe(false)
    expect(await run(desk, 'agent/agent.yaml', '--trust')).toMatchObject({ exit: 0, stdout: 'honest\n' })
    expect(await run(desk, 'agent/agent.yaml')).toMatchObject({ exit: 0, stdout: 'honest\n' })
    for (const command of ['check', 'lock'])
      expect(await run(desk, command, 'agent/agent.yaml')).toMatchObject({ exit: 0 })
  })

  test.each(CHANGES)('is another one once %s changed', async (_what, file, from, to) => {
    using desk = openDesk(FILES)
    expect(await run(desk, 'agent/agent.yaml', '--trust')).toMatchObject({ exit: 0 })
    edit(desk, file, from, to)
    expect(await run(desk, 'agent/agent.yaml')).toMatchObject({ exit: 3, stdout: '' })
    edit(desk, file, to, from)
    expect(await run(desk, 'agent/agent.yaml')).toMatchObject({ exit: 0 })
  })

  test('is trusted by no name that it gives itself, but as a copy it is the same', async () => {
    using desk = openDesk(FILES)
    expect(await run(desk, 'agent/agent.yaml', '--trust')).toMatchObject({ exit: 0 })
    desk.write({ 'twin/agent.yaml': 'name: tested\nscript: ./play.ts\n', 'twin/play.ts': FILES['agent/play.ts'] ?? '' })
    expect(await run(desk, 'twin/agent.yaml')).toMatchObject({ exit: 3 })
    const copies = Object.entries(FILES).map(([name, text]) => [name.replace(/^agent/, 'elsewhere/copy'), text])
    desk.write(Object.fromEntries(copies) as Record<string, string>)
    expect(await run(desk, 'elsewhere/copy/agent.yaml')).toMatchObject({ exit: 0 })
  })

  test('is not trusted for a state folder that its repository brought along', async () => {
    using desk = openDesk({ ...FILES, '.git/HEAD': 'ref: refs/heads/main\n' })
    const state = join(desk.workspace, 'state')
    const believed = join(dirname(desk.workspace), 'state')
    expect(await run(desk, 'agent/agent.yaml', '--trust')).toMatchObject({ exit: 0 })
    const line = readFileSync(join(believed, 'run-agent/trusted'), 'utf8')
    mkdirSync(join(state, 'run-agent'), { recursive: true, mode: 0o700 })
    writeFileSync(join(state, 'run-agent/trusted'), line, { mode: 0o600 })
    const environment = { XDG_STATE_HOME: state }
    const planted = await desk.runWith({ trust: 'asks', environment }, 'agent/agent.yaml')
    expect(planted).toMatchObject({ exit: 3, stdout: '' })
    expect(planted.stderr).toContain('may have brought along')
    // Whoever runs it may still say yes, and is told that it is not remembered.
    const forced = await desk.runWith({ trust: 'asks', environment }, 'agent/agent.yaml', '--trust')
    expect(forced).toMatchObject({ exit: 0, stdout: 'honest\n' })
    expect(forced.stderr).toContain('this will be asked again')
  })

  test('that comes with run-agent is trusted, wherever a link to its folder lies, and nothing beside it', async () => {
    using desk = openDesk({
      'agents/reviewer.yaml': 'name: reviewer\nscript: ./s.ts\n',
      'agents/s.ts': FILES['agent/play.ts'] ?? '',
    })
    // It fails where there is no repository, and that is a run.
    expect(await run(desk, join(REPOSITORY, 'agents/reviewer.yaml'), '--script')).toMatchObject({ exit: 1 })
    symlinkSync(join(REPOSITORY, 'agents'), join(desk.workspace, 'linked'))
    expect(await run(desk, 'linked/reviewer.yaml', '--script')).toMatchObject({ exit: 1 })
    expect(await run(desk, 'agents/reviewer.yaml')).toMatchObject({ exit: 3 })
    symlinkSync(join(REPOSITORY, 'agents/reviewer.yaml'), join(desk.workspace, 'agents/link.yaml'))
    expect((await run(desk, 'agents/link.yaml')).stderr).toContain("a link leads out of the definition's folder")
  })

  test('shows nothing that a terminal obeys', async () => {
    const tools = { says: { rights: "read: ['src/\u200b*']", body: 'return 1' } }
    using desk = openDesk(agentFiles({ tools, script: '' }))
    const { stderr } = await run(desk, 'agent/agent.yaml')
    expect(stderr).toContain('may read src/\\u200b*')
    expect(stderr).not.toContain('\u200b')
  })
})

// Without util-linux's `script` there is no terminal to ask on.
describe.skipIf(!HAS_PSEUDO_TERMINAL)('on a terminal', () => {
  const answer = async (
    desk: Desk,
    text: string,
  ): Promise<{ readonly exit: number | null; readonly written: string }> => {
    const terminal = startOnTerminal(desk, ['agent/agent.yaml'], { trust: 'asks' })
    await terminal.saying('Run it? [y/N]')
    terminal.type(text)
    return await terminal.finished
  }

  test.each([
    ['y\r', true],
    ['Yes\r', true],
    ['\r', false],
    ['n\r', false],
    ['yess\r', false],
    ['\x04', false],
  ])('asks once, and the answer %j is %s', async (text, isYes) => {
    using desk = openDesk(FILES)
    const { exit, written } = await answer(desk, text)
    expect(written).toContain('may read src/*')
    expect({ exit, ran: written.includes('honest') }).toEqual({ exit: isYes ? 0 : 3, ran: isYes })
    // Once: the next run asks nobody.
    expect((await run(desk, 'agent/agent.yaml')).exit).toBe(isYes ? 0 : 3)
  })

  test('what was typed before the question was there is no answer to it', async () => {
    using desk = openDesk(FILES)
    const terminal = startOnTerminal(desk, ['agent/agent.yaml'], { trust: 'asks' })
    terminal.type('y\r')
    await terminal.saying('Run it? [y/N]')
    terminal.type('\r')
    const { exit, written } = await terminal.finished
    expect({ exit, ran: written.includes('honest') }).toEqual({ exit: 3, ran: false })
  })

  test('says how many rights are marked right before it asks', async () => {
    using desk = openDesk(agentFiles({ tools: { says: { rights: "read: ['**']", body: '' } }, script: '' }))
    const { written } = await answer(desk, '\r')
    expect(written).toContain('1 of these lines is marked !. Run it? [y/N]')
  })

  test('what was asked about is what runs, whatever the files become meanwhile', async () => {
    using desk = openDesk(FILES)
    const terminal = startOnTerminal(desk, ['agent/agent.yaml'], { trust: 'asks' })
    await terminal.saying('Run it? [y/N]')
    edit(desk, 'agent/lib/word.ts', 'honest', 'forged')
    edit(desk, 'agent/agent.yaml', 'src/*', '**')
    terminal.type('y\r')
    const { exit, written } = await terminal.finished
    expect(exit).toBe(0)
    expect(written).toContain('honest')
    expect(written).not.toContain('forged')
    // And the yes was said of what was shown.
    expect(await run(desk, 'agent/agent.yaml')).toMatchObject({ exit: 3 })
  })
})

describe('a lock', () => {
  const locked = async (desk: Desk): Promise<string> => {
    expect(await run(desk, 'lock', 'agent/agent.yaml')).toMatchObject({ exit: 0, stderr: '' })
    return readFileSync(join(desk.workspace, 'agent/agent.lock'), 'utf8')
  }

  test('lets run what it locks, without asking, wherever it lies and whoever wrote it', async () => {
    using desk = openDesk(FILES)
    const text = await locked(desk)
    expect(JSON.parse(text)).toMatchObject({
      lock: 1,
      words: 1,
      rights: expect.arrayContaining(['says may read src/*']) as string[],
    })
    expect(await run(desk, 'agent/agent.yaml', '--locked')).toMatchObject({ exit: 0, stdout: 'honest\n' })
    // And trusts nothing by that.
    expect(await run(desk, 'agent/agent.yaml')).toMatchObject({ exit: 3 })
    const copies = Object.entries(FILES).map(([name, source]) => [name.replace(/^agent/, 'elsewhere/copy'), source])
    desk.write({ ...(Object.fromEntries(copies) as Record<string, string>), 'elsewhere/copy/agent.lock': text })
    expect(await run(desk, 'elsewhere/copy/agent.yaml', '--locked')).toMatchObject({ exit: 0 })
    // The same agent, the same bytes.
    expect(await locked(desk)).toBe(text)
  })

  test.each(CHANGES)('refuses a run once %s changed, and says what', async (_what, file, from, to) => {
    using desk = openDesk(FILES)
    await locked(desk)
    edit(desk, file, from, to)
    // Trust is no way around it.
    const refused = await run(desk, 'agent/agent.yaml', '--locked', '--trust')
    expect(refused).toMatchObject({ exit: 3, stdout: '' })
    const part = { 'prompt.md': 'prompt', 'word.ts': 'tool says', 'says.ts': 'tool says', 'play.ts': 'script' }
    const name = file.split('/').at(-1) as keyof typeof part
    expect(refused.stderr).toContain(`    ${part[name] ?? 'definition'} changed`)
    if (to !== '**') return
    expect(refused.stderr).toContain('    - says may read src/*\n    + ! says may read **: the whole workspace\n')
  })

  test.each([
    ['a right that is left out', '    "says may read src/*",\n', '', '+ says may read src/*'],
    ['a part', /"tool says": "sha256-[0-9a-f]{64}"/, `"tool says": "sha256-${'0'.repeat(64)}"`, 'tool says changed'],
    ['the digest', /"digest": "sha256-[0-9a-f]{64}"/, `"digest": "sha256-${'0'.repeat(64)}"`, 'the lock was edited'],
    ['newer words', '"words": 1', '"words": 2', 'a newer version'],
    ['nothing but noise', /[^]*/, 'x', 'it is not JSON'],
  ])('that was edited by hand is refused: %s', async (_what, from, to, text) => {
    using desk = openDesk(FILES)
    const before = await locked(desk)
    const after = before.replace(from, to)
    expect(after).not.toBe(before)
    writeFileSync(join(desk.workspace, 'agent/agent.lock'), after)
    const refused = await run(desk, 'agent/agent.yaml', '--locked')
    expect(refused).toMatchObject({ exit: 3, stdout: '' })
    expect(refused.stderr).toContain(text)
  })

  test('that is not there is no lock', async () => {
    using desk = openDesk(FILES)
    const refused = await run(desk, 'agent/agent.yaml', '--locked')
    expect(refused).toMatchObject({ exit: 3 })
    expect(refused.stderr).toContain("couldn't read the lock agent/agent.lock: there is no such file")
  })

  test('is neither written nor read through a link, and never over the definition', async () => {
    using desk = openDesk({ ...FILES, 'outside.lock': 'mine' })
    const file = join(desk.workspace, 'agent/agent.lock')
    symlinkSync('../outside.lock', file)
    const refused = await run(desk, 'lock', 'agent/agent.yaml')
    expect(refused).toMatchObject({ exit: 2, stdout: '' })
    expect(refused.stderr).toContain('it is a link')
    expect(readFileSync(join(desk.workspace, 'outside.lock'), 'utf8')).toBe('mine')
    expect(lstatSync(file).isSymbolicLink()).toBe(true)
    expect((await run(desk, 'agent/agent.yaml', '--locked')).stderr).toContain('it is a link')
    desk.write({ 'agent/x.lock': FILES['agent/agent.yaml'] ?? '' })
    expect(await run(desk, 'lock', 'agent/x.lock')).toMatchObject({ exit: 2 })
    expect(readFileSync(join(desk.workspace, 'agent/x.lock'), 'utf8')).toBe(FILES['agent/agent.yaml'])
  })

  test('covers settings unbound, and lets them be what they may', async () => {
    const more = 'settings: { pull: { pattern: "[0-9]+" } }'
    const tools = { says: { rights: "read: ['p/${pull}']", body: 'return 1' } }
    using desk = openDesk(agentFiles({ tools, script: "return '1'", more }))
    expect(await locked(desk)).toContain('"says may read p/${pull}"')
    for (const value of ['1', '2']) {
      expect(await run(desk, 'agent/agent.yaml', '--locked', '--set', `pull=${value}`)).toMatchObject({ exit: 0 })
    }
  })
})

describe('the ceiling', () => {
  test('bounds a run that is not locked', async () => {
    const script = "for (let i = 0; i < 5; i++) await call('says'); return 'done'"
    using desk = openDesk(agentFiles({ tools: { says: { body: 'return 1' } }, script }))
    desk.write({ 'config.yaml': 'ceiling: { turns: 3 }\n' })
    const args = ['agent/agent.yaml', '--config', 'config.yaml']
    expect(await run(desk, ...args, '--trust')).toMatchObject({ exit: 5 })
    expect(await run(desk, 'lock', 'agent/agent.yaml')).toMatchObject({ exit: 0 })
    expect(await run(desk, ...args, '--locked')).toMatchObject({ exit: 0, stdout: 'done\n' })
  })
})
