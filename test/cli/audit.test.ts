/** What `run-agent audit` shows of real runs, and where a run takes its folder and its trail from. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { agentFiles, openDesk, REPOSITORY, resultOf, type Desk } from '../support/program.ts'
import { tamper, tamperTypes } from '../support/trail.ts'

const TOOLS = {
  reads: {
    rights: "read: ['src/**']",
    imports: "import { readFile } from 'node:fs/promises'",
    body: "console.log('reading', text); return await readFile(text ?? '', 'utf8')",
  },
}
const SCRIPT = "return (await tried(call('reads', { text: task }))).value ?? 'none'"

describe('audit', () => {
  let desk: Desk
  let ids: readonly string[]

  beforeAll(async () => {
    desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), 'src/a': 'A' })
    expect(await desk.run('agent/agent.yaml', 'src/a')).toMatchObject({ exit: 0, stdout: 'A\n' })
    expect(await desk.run('agent/agent.yaml', '../b')).toMatchObject({ exit: 0, stdout: 'none\n' })
    const listed = (await desk.run('audit', 'list', '--json')).stdout.trimEnd().split('\n')
    ids = listed.map((line) => (JSON.parse(line) as { id: string }).id)
  })
  afterAll(() => desk[Symbol.dispose]())

  test('list: the newest first, with status, calls and denials', async () => {
    const { exit, stdout } = await desk.run('audit', 'list')
    expect(exit).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    lines.forEach((line, index) => expect(line).toContain(ids[index]))
    expect(lines.every((line) => line.includes('completed') && line.includes('tested'))).toBe(true)
  })

  test('show: a run by id, prefix in either case, or last; a call; or its events as JSON', async () => {
    const [newest = '', older = ''] = ids
    const whole = await desk.run('audit', 'show', older)
    expect(whole).toMatchObject({ exit: 0, stderr: '' })
    for (const text of ['reads', 'src/a', 'completed']) expect(whole.stdout).toContain(text)
    let length = 10
    while (newest.startsWith(older.slice(0, length))) length += 1
    expect((await desk.run('audit', 'show', older.slice(0, length).toLowerCase())).stdout).toBe(whole.stdout)
    expect((await desk.run('audit', 'show', 'last')).stdout).toBe((await desk.run('audit', 'show', newest)).stdout)
    const call = await desk.run('audit', 'show', older, 'call_0')
    expect(call.stdout).toContain('read src/**')
    const json = (await desk.run('audit', 'show', older, 'call_0', '--json')).stdout.trimEnd().split('\n')
    const kinds = json.map((line) => (JSON.parse(line) as { kind: string }).kind)
    expect(kinds[0]).toBe('tool.call')
    expect(kinds.at(-1)).toBe('tool.outcome')
    expect(kinds).toContain('log')
    expect(await desk.run('audit', 'show', older, 'call_9', '--json')).toMatchObject({ exit: 2, stdout: '' })
  })

  test.each([
    ['audit', 'show'],
    ['audit', 'tail'],
    ['replay', '--json'],
  ])('%s %s: no such run, and a prefix of several, are wrong usage', async (...command) => {
    const none = await desk.run(...command, 'zzz')
    expect(none).toMatchObject({ exit: 2, stdout: '' })
    expect(none.stderr).toContain('no run starts with zzz')
    const several = await desk.run(...command, '0')
    expect(several).toMatchObject({ exit: 2, stdout: '' })
    for (const id of ids) expect(several.stderr).toContain(id)
  })

  test('verify names the head that the closing line names', async () => {
    const { exit, stdout } = await desk.run('audit', 'verify')
    expect({ exit, stdout }).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^self-consistent: \d+ events/) as string,
    })
    const run = await desk.run('agent/agent.yaml', 'src/a', '--json')
    const { head } = resultOf(run) as { head: string }
    expect((await desk.run('audit', 'verify')).stdout).toContain(`head ${head}`)
    expect(run.stderr).toContain(`head ${head.slice(0, head.indexOf(' ') + 17)}`)
  })

  test('tail shows the newest run; -f goes on with the next and ends with its reader', async () => {
    const once = await desk.run('audit', 'tail')
    expect(once.stdout.trimEnd().split('\n').at(-1)).toContain('run.end')
    const follow = desk.start(['audit', 'tail', '-f'])
    await follow.saying('run.end')
    await desk.run('agent/agent.yaml', 'src/a', 'followed')
    await follow.saying('src/a followed')
    follow.child.stdout?.destroy()
    await desk.run('agent/agent.yaml', 'src/a')
    expect((await follow.finished).stderr).toBe('')
  })

  test.each([['audit', 'show', 'last', '--json'], ['agent/agent.yaml', 'src/a', '--json'], ['--help']])(
    '%s %s %s into head -1 leaves no stack trace',
    (...args) => {
      const command = [process.execPath, join(REPOSITORY, 'runtime/bin.js'), ...args]
        .map((word) => `'${word}'`)
        .join(' ')
      const folder = join(desk.trail, '../..')
      const environment = { ...process.env, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, HOME: desk.home }
      const shell = `{ ${command} 2>&1 >&3 | cat >said; } 3>&1 | head -1`
      const first = execFileSync('sh', ['-c', shell], { cwd: desk.workspace, env: environment, encoding: 'utf8' })
      expect(first.trimEnd()).not.toBe('')
      expect(first.trimEnd().split('\n')).toHaveLength(1)
      expect(readFileSync(join(desk.workspace, 'said'), 'utf8')).not.toMatch(/EPIPE| {4}at |rror/)
    },
  )
})

describe('a trail that was changed', () => {
  let desk: Desk
  const QUESTIONS = [['list'], ['show', 'last'], ['tail'], ['verify']].map((words) => ['audit', ...words])

  beforeEach(async () => {
    desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), 'src/a': 'A' })
    for (const task of ['src/a', '../b']) {
      expect(await desk.run('agent/agent.yaml', task)).toMatchObject({ exit: 0 })
    }
  })
  afterEach(() => desk[Symbol.dispose]())

  test('in what it holds beside its tables answers no question, and takes no further run', async () => {
    const database = new Database(desk.trail)
    database.exec('CREATE VIEW runs AS SELECT run FROM event').close()
    for (const command of [...QUESTIONS, ['replay', 'last'], ['agent/agent.yaml', 'src/a']]) {
      const { exit, stdout, stderr } = await desk.run(...command)
      expect([command, exit, stdout]).toEqual([command, 10, ''])
      expect(stderr).toContain('view runs is not what a trail holds')
    }
  })

  test('in one run: list shows the others and that one as damaged, in words and in JSON', async () => {
    tamper(desk.trail, "UPDATE event SET data = '{' WHERE seq = 0")
    const { exit, stdout } = await desk.run('audit', 'list')
    expect(exit).toBe(10)
    expect(stdout).toMatch(/^.* · completed · .*\n\w{26} · damaged: the trail is broken: .*\n$/)
    const json = await desk.run('audit', 'list', '--json')
    expect(json.exit).toBe(10)
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      expect.objectContaining({ status: 'completed' }),
      { id: expect.any(String) as string, status: 'damaged', why: expect.any(String) as string },
    ])
  })

  test('in the type of a value alone is exit 10 where it is read', async () => {
    tamperTypes(desk.trail, "UPDATE event SET ordinal = CAST(ordinal AS TEXT) WHERE kind = 'host.request'")
    for (const command of [
      ['audit', 'show', 'last'],
      ['audit', 'tail'],
      ['audit', 'verify'],
      ['replay', 'last'],
    ]) {
      const { exit, stdout, stderr } = await desk.run(...command)
      expect([command, exit]).toEqual([command, 10])
      expect(stdout + stderr).toMatch(/event \d+.*ordinal is stored as TEXT and not as INTEGER or NULL/)
    }
  })

  test('in the type of a body is exit 10', async () => {
    expect(await desk.run('agent/agent.yaml', 'a long task '.repeat(1000))).toMatchObject({ exit: 0 })
    tamperTypes(desk.trail, 'UPDATE body SET bytes = CAST(bytes AS TEXT)')
    expect(await desk.run('audit', 'verify')).toMatchObject({
      exit: 10,
      stdout: expect.stringMatching(/^broken at event \d+: .*body \w+ is not stored as BLOB\n$/) as string,
      stderr: '',
    })
    expect(await desk.run('replay', 'last')).toMatchObject({ exit: 10, stdout: '' })
  })
})

describe('a run', () => {
  test('--quiet says nothing on stderr; --audit names another trail, made 0600', async () => {
    using desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), 'src/a': 'A' })
    const trail = join(desk.home, 'trails/own.db')
    const run = await desk.run('agent/agent.yaml', '--quiet', '--audit', trail, '--', 'src/a')
    expect(run).toEqual({ exit: 0, stdout: 'A\n', stderr: '' })
    expect(statSync(trail).mode & 0o777).toBe(0o600)
    expect(statSync(join(desk.home, 'trails')).mode & 0o777).toBe(0o700)
    expect(await desk.run('replay', 'last', '--audit', trail)).toMatchObject({ exit: 0 })
    expect((await desk.run('audit', 'list')).exit).not.toBe(0)
  })

  test("takes the trail from the operator's configuration, in its folder or where --config says", async () => {
    using desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), 'src/a': 'A' })
    writeFileSync(join(desk.home, 'config.yaml'), 'audit: { file: ./mine.db }\n', { mode: 0o600 })
    const config = ['--config', join(desk.home, 'config.yaml')]
    expect(await desk.run('agent/agent.yaml', 'src/a', ...config)).toMatchObject({ exit: 0 })
    expect(statSync(join(desk.home, 'mine.db')).size).toBeGreaterThan(0)
    expect(await desk.run('audit', 'verify', ...config)).toMatchObject({ exit: 0 })
    chmodSync(join(desk.home, 'config.yaml'), 0o620)
    expect(await desk.run('agent/agent.yaml', 'src/a', ...config)).toMatchObject({ exit: 3, stdout: '' })
  })

  test('works in a folder of the repository, and refuses a workspace that a link leads out of it', async () => {
    using desk = openDesk(agentFiles({ tools: TOOLS, script: SCRIPT, more: 'workspace: inner' }))
    mkdirSync(join(desk.workspace, 'inner/src'), { recursive: true })
    desk.write({ 'inner/src/a': 'inner' })
    expect(await desk.run('agent/agent.yaml', 'src/a')).toMatchObject({ exit: 0, stdout: 'inner\n' })
    symlinkSync(desk.home, join(desk.workspace, 'out'))
    desk.write(agentFiles({ tools: TOOLS, script: SCRIPT, more: 'workspace: out' }))
    const refused = await desk.run('agent/agent.yaml', 'src/a')
    expect(refused).toMatchObject({ exit: 3, stdout: '' })
    expect(refused.stderr).toContain('leads out of the current folder')
    expect(await desk.run('agent/agent.yaml', 'src/a', '--workspace', 'out')).toMatchObject({
      exit: 0,
      stdout: 'none\n',
    })
  })

  test('hears every word of its task, whatever it looks like', async () => {
    using desk = openDesk(agentFiles({ tools: {}, script: 'return JSON.stringify(task)' }))
    const cases: readonly (readonly [words: readonly string[], task: string])[] = [
      [[], ''],
      [['one', 'two', 'three'], 'one two three'],
      [['007', '1e3', '0x10'], '007 1e3 0x10'],
      [['say', '--', '--json', '-'], 'say --json -'],
    ]
    for (const [words, task] of cases) {
      expect((await desk.run('agent/agent.yaml', ...words)).stdout).toBe(`${JSON.stringify(task)}\n`)
    }
    const twice = await desk.run('agent/agent.yaml', '--audit', 'a.db', '--audit', 'b.db')
    expect(twice).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('more than once') as string })
  })

  test('--script FILE plays another script, --script the own one; a definition without one is wrong usage', async () => {
    using desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), 'src/a': 'A' })
    desk.write({ 'other.ts': "import { defineScript } from 'run-agent'\nexport default defineScript(async () => 7)\n" })
    expect(await desk.run('agent/agent.yaml', '--script', 'other.ts')).toMatchObject({ exit: 0, stdout: '7\n' })
    expect(await desk.run('agent/agent.yaml', 'src/a', '--script')).toMatchObject({ exit: 0, stdout: 'A\n' })
    const both = await desk.run('agent/agent.yaml', '--script', 'other.ts', '--model', 'a/b')
    expect(both).toMatchObject({ exit: 2, stdout: '' })
  })

  test('of an unknown ref, in a subfolder of a repository, and with a task of two words', async () => {
    using desk = openDesk()
    const git = (...args: string[]): unknown =>
      execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@b', ...args], {
        cwd: desk.workspace,
        stdio: 'pipe',
      })
    git('init', '-q')
    desk.write({ 'sub/a.js': 'debugger\n' })
    git('add', '-A')
    git('commit', '-qm', 'one')
    const reviewer = join(REPOSITORY, 'agents/reviewer.yaml')
    const unknown = await desk.run(reviewer, 'no-such-ref')
    expect(unknown).toMatchObject({ exit: 1, stdout: '' })
    expect(unknown.stderr).toContain('no-such-ref')
    const below = await desk.runWith({ cwd: join(desk.workspace, 'sub') }, reviewer)
    expect(below).toMatchObject({ exit: 1, stdout: '' })
    expect(below.stderr).toContain('not a git repository')
  })
})
