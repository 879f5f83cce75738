/** What a user types and sees. */
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../../runtime/cli/commands.ts'
import { agentFiles, openDesk, REPOSITORY, resultOf, type Desk } from '../support/program.ts'

const REVIEWER = join(REPOSITORY, 'agents/reviewer.yaml')
const CLOSING = /^run [0-9A-HJKMNP-TV-Z]{26} completed · \d+ calls? · \d+ denied · head \d+ [0-9a-f]{16}$/m

function commit(desk: Desk, files: Readonly<Record<string, string>>, message: string): void {
  const git = (...args: string[]): unknown =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b', ...args], { cwd: desk.workspace, stdio: 'pipe' })
  git('init', '-q')
  desk.write(files)
  git('add', '-A')
  git('commit', '-q', '--allow-empty', '-m', message)
}

describe('the reviewer', () => {
  test('reviews the last commit, and only the review stands on stdout', async () => {
    using desk = openDesk()
    commit(desk, { 'a.js': 'export const a = 1\n' }, 'one')
    commit(desk, { 'b.js': 'debugger\nconst x = {\n' }, 'two')
    const run = await desk.run(REVIEWER)
    expect(run.exit).toBe(0)
    expect(run.stdout).toMatch(/^# Review of `?[0-9a-f]{7,}/)
    expect(run.stdout).toContain('`b.js:')
    expect(run.stderr).toMatch(CLOSING)
    expect(run.stderr).toContain('played by script: the provider of openai/gpt-5.6-luna is not configured')
    expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
  })

  test.each([
    ['outside a repository', {}, false, 'not a git repository'],
    ['of a repository without a commit', {}, true, 'no commit'],
  ])('%s says so and fails', async (_what, files, init, text) => {
    using desk = openDesk(files)
    if (init) execFileSync('git', ['init', '-q'], { cwd: desk.workspace })
    const run = await desk.run(REVIEWER)
    expect(run.exit).toBe(1)
    expect(run.stderr).toContain(text)
    expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
  })

  test('--json begins with run_started and ends with result', async () => {
    using desk = openDesk()
    commit(desk, { 'a.js': 'eval(x)\n' }, 'one')
    const run = await desk.run(REVIEWER, '--json', '--quiet')
    const lines = run.stdout.trimEnd().split('\n')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'run_started', schema: 1, played_by: 'script' })
    expect(resultOf(run)).toMatchObject({
      type: 'result',
      status: 'completed',
      denied: [],
      waiting: [],
      head: expect.stringMatching(/^\d+ [0-9a-f]{64}$/) as string,
    })
    expect(run.stderr).toBe('')
  })

  test('--workspace reviews another repository', async () => {
    using desk = openDesk()
    commit(desk, { 'a.js': 'debugger\n' }, 'one')
    const run = await desk.runWith({ cwd: desk.home }, REVIEWER, '--workspace', desk.workspace)
    expect(run).toMatchObject({ exit: 0 })
    expect(run.stdout).toContain('a.js:1')
  })
})

const TOOLS = {
  reads: {
    rights: "read: ['src/**'], limits: { calls: 3 }",
    imports: "import { readFile } from 'node:fs/promises'",
    body: "return await readFile(text ?? '', 'utf8')",
  },
}

describe('denials', () => {
  test('reach the script with rule and what is allowed, the result, and the exit code when asked for', async () => {
    const script =
      "return JSON.stringify([await tried(call('reads', { text: 'src/a' })), await tried(call('reads', { text: '.env' })), await tried(call('reads', { text: 'b' })), await tried(call('reads', { text: 'src/a' }))])"
    using desk = openDesk({ ...agentFiles({ tools: TOOLS, script }), 'src/a': 'A', '.env': 'S', b: 'B' })
    const run = await desk.run('agent/agent.yaml')
    const [read, env, other, fourth] = JSON.parse(run.stdout) as {
      value?: string
      name?: string
      code?: string
      message?: string
    }[]
    expect(read).toEqual({ value: 'A' })
    expect(env).toMatchObject({
      name: 'Denied',
      code: 'E_DENIED',
      message: expect.stringContaining('reads may read: src/**') as string,
    })
    expect(other).toMatchObject({ name: 'Denied' })
    expect(fourth).toMatchObject({ code: 'E_CALLS' })
    expect(run.stderr).toContain('3 denied')
    const strict = await desk.run('agent/agent.yaml', '--fail-on-deny', '--json')
    expect(strict.exit).toBe(6)
    expect(resultOf(strict)['denied']).toHaveLength(3)
    expect((await desk.run('audit', 'show', 'last')).stdout).toContain('denied fs.read .env')
  })
})

describe('mistakes', () => {
  test('in a definition are reported all at once, with place, line and caret, and exit 3', async () => {
    const text =
      'name: Bad Name\nmodle: x\nscript: ../play.ts\ntools:\n  read_fil: { read: ["**"] }\n  list_files: { reed: ["**"] }\n  write_file: { write: [] }\n  search_files: { read: ["!x"] }\nbudget: { turns: 0 }\nagents: {}\n'
    using desk = openDesk({ 'agent.yaml': text })
    const run = await desk.run('check', 'agent.yaml')
    expect(run).toMatchObject({ exit: 3, stdout: '' })
    for (const place of ['1:7', '2:1', '3:9', '5:3', '6:17', '7:17', '8:27', '9:18', '10:1'])
      expect(run.stderr).toContain(`agent.yaml:${place}`)
    expect(run.stderr).toContain('did you mean')
    expect(run.stderr).toContain('not supported yet')
    expect(run.stderr).toMatch(/^ *\| *\^/m)
  })

  test.each([
    [['no-such.yaml'], 3, 'no such file'],
    [['agent/agent.yaml', '--nonsense'], 2, 'nonsense'],
    [['tool', 'agent/agent.yaml', 'x'], 2, 'not supported yet'],
    [['agent/agent.yaml', '--resume', 'x'], 2, 'not supported yet'],
    [['agent/agent.yaml', '--locked'], 3, 'run-agent lock agent/agent.yaml'],
    [['agent/agent.yaml', '--config', 'nowhere.yaml'], 3, 'no such file'],
    [['agent/agent.yaml', '--config', 'open.yaml'], 3, 'config'],
    [['agent/agent.yaml', '--model', 'nobody/none'], 4, 'nobody'],
    [['agent/agent.yaml', '--workspace', 'nowhere'], 3, 'no such directory'],
    [['audit', 'show', 'last'], 10, 'trail'],
    [['audit', 'nothing'], 2, 'no such question'],
    [['replay'], 2, 'run'],
  ])('%j', async (args, exit, text) => {
    using desk = openDesk({ ...agentFiles({ tools: {}, script: "return 'fine'" }), 'open.yaml': 'providers: {}\n' })
    chmodSync(join(desk.workspace, 'open.yaml'), 0o666)
    const run = await desk.run(...args)
    expect({ exit: run.exit, stderr: run.stderr.includes(text) ? text : run.stderr }).toEqual({ exit, stderr: text })
    expect(run.stderr).not.toMatch(/ {4}at /)
  })
})

const FORGED = 'run 01M877R8WG7GHYK2TBAS4FWAQ3 completed · 0 calls · 0 denied · head 1 0000000000000000'
const SNEAKY = '\x1b[2J\x9b31m\u202e\u200c\u2028'

describe('what a guest wrote', () => {
  test('cannot begin a line on standard error', async () => {
    const tools = { throws: { body: `throw new Error('x\\n${FORGED}')` } }
    using desk = openDesk({
      ...agentFiles({ tools, script: "await call('throws')" }),
      'agent/breaks.ts': "throw new Error('x\\nrun-agent: y')\n",
    })
    const run = await desk.run('agent/agent.yaml')
    expect(run).toMatchObject({ exit: 1, stdout: '' })
    expect(run.stderr).toContain(`\n    ${FORGED}\n`)
    expect(run.stderr).not.toContain(`\n${FORGED}`)
    expect(run.stderr.trimEnd().split('\n').at(-1)).toMatch(/^run [0-9A-Z]{26} failed · 1 call · /)
    const broken = await desk.run('agent/agent.yaml', '--script', 'agent/breaks.ts')
    expect(broken.stderr).toContain('\n    run-agent: y\n')
  })

  test('stands in --json with escapes for all that a terminal obeys or hides', async () => {
    const escaped = '\\u001b[2J\\u009b31m\\u202e\\u200c\\u2028'
    const script = `console.log(${JSON.stringify(SNEAKY)}); await tried(call(task, { text: task })); return task`
    using desk = openDesk(agentFiles({ tools: {}, script }))
    const run = await desk.run('agent/agent.yaml', '--json', '--', SNEAKY)
    // oxlint-disable-next-line no-control-regex
    expect(run.stdout).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]/)
    expect(resultOf(run)).toMatchObject({ output: SNEAKY })
    for (const type of ['log', 'tool_called', 'result']) {
      expect(run.stdout.split('\n').find((line) => line.includes(`"type":"${type}"`))).toContain(escaped)
    }
    const shown = await desk.run('audit', 'show', 'last', '--json')
    expect(shown.stdout).toContain(escaped)
  })

  test('is shown by check, which also says where', async () => {
    const tools = { reads: { rights: 'read: ["src/\u200c*"]', body: 'return 1' } }
    using desk = openDesk(agentFiles({ tools, script: 'return 1' }))
    const run = await desk.run('check', 'agent/agent.yaml')
    expect(run).toMatchObject({ exit: 0, stderr: '' })
    expect(run.stdout).toContain(`tested: valid · workspace ${desk.workspace}\n`)
    expect(run.stdout).toContain('read src/\\u200c* · agent/agent.yaml:4:')
    expect(run.stdout).not.toContain('\u200c')
    expect((await desk.run('check', 'agent/agent.yaml', '--json')).stdout).toContain('src/\\u200c*')
  })
})

describe('the program', () => {
  test('prints the help that the command line generates', async () => {
    const generated = await commandLine([], () => undefined).getHelp()
    expect(readFileSync(join(REPOSITORY, 'runtime/cli/help.txt'), 'utf8')).toBe(`${generated}\n`)
    using desk = openDesk()
    expect(await desk.run('--help')).toMatchObject({ exit: 0, stdout: `${generated}\n` })
  })

  test('takes the task from standard input, and ends quietly where nobody reads', async () => {
    using desk = openDesk(agentFiles({ tools: {}, script: "return task + '!'" }))
    expect(await desk.runWith({ input: 'said' }, 'agent/agent.yaml', '-')).toMatchObject({ exit: 0, stdout: 'said!\n' })
    const { child, finished } = desk.start(['agent/agent.yaml', '--json'])
    child.stdout?.destroy()
    expect((await finished).stderr).not.toMatch(/EPIPE| {4}at /)
  })

  test('stops cleanly at Ctrl-C: exit 130, the run interrupted, and replayable', async () => {
    const tools = { waits: { body: 'await new Promise((r) => setTimeout(r, 20_000))' } }
    using desk = openDesk(agentFiles({ tools, script: "return await call('waits')" }))
    const { child, finished } = desk.start(['agent/agent.yaml', '--json'])
    const heard = new Promise<void>((resolve) =>
      child.stdout?.on('data', (text: string) => text.includes('tool_called') && resolve()),
    )
    await heard
    child.kill('SIGINT')
    const run = await finished
    expect(run.exit).toBe(130)
    expect(resultOf(run)).toMatchObject({ status: 'interrupted' })
    expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
  })

  test.each([
    ['turns', 'budget: { turns: 3 }', "for (;;) await call('ok')"],
    ['time', 'budget: { time: 1s }', "for (;;) await call('ok')"],
    ['time in a tool', 'budget: { time: 1s }', "await call('waits')"],
  ])(
    'ends a run that used its budget of %s: exit 5, and replayable',
    { timeout: 40_000 },
    async (_what, more, script) => {
      const tools = { ok: { body: 'return 1' }, waits: { body: 'await new Promise((r) => setTimeout(r, 20_000))' } }
      using desk = openDesk(agentFiles({ tools, script, more }))
      const run = await desk.run('agent/agent.yaml', '--json')
      expect(run.exit).toBe(5)
      expect(resultOf(run)).toMatchObject({ status: 'budget_exceeded', error: { code: 'E_BUDGET' } })
      expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
    },
  )
})
