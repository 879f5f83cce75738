/** What a person asks of a definition's rights, and is told. */
import { describe, expect, test } from 'vitest'
import { agentFiles, openDesk } from '../support/program.ts'

const FILES = {
  ...agentFiles({
    tools: { mine: { rights: "read: ['src/*', 'p/${pull}']", body: 'return 1' } },
    script: 'return 1',
    more: `settings: { pull: { pattern: "[0-9]+" } }
tests:
  - { tool: mine, permits: "read src/a" }
  - { tool: mine, permits: "read p/12" }`,
  }),
  'config.yaml': 'ceiling: { turns: 3, usd: 1 }\n',
}

describe('check', () => {
  test('prints the rights, runs the tests and binds the settings that it is given', async () => {
    using desk = openDesk(FILES)
    const bound = await desk.run('check', 'agent/agent.yaml', '--set', 'pull=12', '--config', 'config.yaml')
    expect(bound).toMatchObject({ exit: 0, stderr: '' })
    for (const line of [
      `tested: valid · workspace ${desk.workspace}`,
      '    may read p/12 · agent/agent.yaml:4:50',
      "  the operator's ceiling, unless it is locked: 3 turns, $1",
      '  tests: 2 passed',
    ]) {
      expect(bound.stdout.split('\n')).toContain(line)
    }
    const unbound = await desk.run('check', 'agent/agent.yaml')
    expect(unbound).toMatchObject({ exit: 0 })
    expect(unbound.stdout).toContain('    may read p/${pull} · ')
    expect(unbound.stdout).toContain('  tests: 0 passed, 2 not asked, because they need values of settings')
    expect(await desk.run('check', 'agent/agent.yaml', '--set', 'pull=x')).toMatchObject({ exit: 3 })
  })

  test('fails with a test that does not hold, at its place, once the rights are printed', async () => {
    using desk = openDesk(FILES)
    const run = await desk.run('check', 'agent/agent.yaml', '--set', 'pull=13')
    expect(run).toMatchObject({ exit: 3 })
    expect(run.stdout).toContain('may read p/13')
    expect(run.stdout).toContain('tests: 1 passed, 1 failed')
    expect(run.stderr).toContain(
      'agent/agent.yaml:8:5: the test does not hold: mine is denied to read p/12: no rule permits it',
    )
    const asJson = await desk.run('check', 'agent/agent.yaml', '--set', 'pull=13', '--json')
    expect(asJson.exit).toBe(3)
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      check: 1,
      agent: 'tested',
      digest: expect.stringMatching(/^sha256-[0-9a-f]{64}$/) as string,
      tools: [{ tool: 'mine', rights: [{ kind: 'read', rule: 'src/*' }, { rule: 'p/13' }] }],
      settings: [{ name: 'pull', value: '13' }],
      tests: { passed: 1, failed: [{ line: 8 }] },
    })
  })

  test("says what is run-agent's own in the workspace, and what the operator allowed", async () => {
    using desk = openDesk(agentFiles({ tools: { mine: { rights: "read: ['**']", body: 'return 1' } }, script: '' }))
    const environment = { XDG_STATE_HOME: `${desk.workspace}/state` }
    const run = await desk.runWith({ environment }, 'check', 'agent/agent.yaml', '--allow-protected', '.env')
    expect(run.stdout).toContain('    never state/run-agent · run-agent\n')
    expect(run.stdout).toMatch(
      /^! mine may read \*\*: the whole workspace; the protected \.env, which the operator allowed/m,
    )
  })
})

describe('can', () => {
  test.each([
    [['mine', 'read', 'src/a'], 0, ['permitted: mine read src/a', '  rule: read src/* · agent/agent.yaml:4:41']],
    [
      ['mine', 'read', 'lib'],
      6,
      ['denied: mine read lib', '    in mine (agent/agent.yaml:4:41), make it read: ["src/*", "p/$pull", "lib"]'],
    ],
    [['mine', 'read', '.env'], 6, ['  rule: protected .env']],
    [
      ['mine', 'GET', 'https://a.example/'],
      6,
      ['  to permit it:', '    to mine (agent/agent.yaml:4:3), write http: ["GET https://a.example/"]'],
    ],
    [['mine', 'read', '\x1b[2J'], 6, ['denied: mine read \\x1b[2J']],
  ])('%j', async (words, exit, lines) => {
    using desk = openDesk(FILES)
    const run = await desk.run('can', 'agent/agent.yaml', ...words)
    expect(run).toMatchObject({ exit, stderr: '' })
    for (const line of lines) expect(run.stdout.split('\n')).toContain(line)
    const { stdout, ...asJson } = await desk.run('can', 'agent/agent.yaml', ...words, '--json')
    expect(asJson).toEqual({ exit, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      can: 1,
      tool: 'mine',
      question: words.slice(1).join(' '),
      decision: exit === 0 ? 'permit' : 'deny',
    })
  })

  test.each([
    [['mien', 'read', 'x'], 'did you mean `mine`?'],
    [['other', 'read', 'x'], 'it has mine'],
    [['mine', 'raed', 'x'], 'did you mean `read`?'],
    [['mine', 'GET', '/x'], 'is no URL'],
  ])('refuses %j with exit 2', async (words, text) => {
    using desk = openDesk(FILES)
    const run = await desk.run('can', 'agent/agent.yaml', ...words)
    expect(run).toMatchObject({ exit: 2, stdout: '' })
    expect(run.stderr).toContain(text)
  })

  test('takes the operator at its word: the configuration allows what it names, by file and by lock', async () => {
    const files = agentFiles({ tools: { mine: { rights: "read: ['.env']", body: 'return 1' } }, script: '' })
    using desk = openDesk(files)
    const ask = async (agent: string): Promise<number | undefined> => {
      desk.write({ 'config.yaml': `protected: [{ agent: ${agent}, path: .env }]\n` })
      return (await desk.run('can', 'agent/agent.yaml', 'mine', 'read', '.env', '--config', 'config.yaml')).exit
    }
    const locked = await desk.run('lock', 'agent/agent.yaml', '--allow-protected', '.env', '--json')
    const { digest } = JSON.parse(locked.stdout) as { digest: string }
    expect(await ask('{ from: ./agent/agent.yaml }')).toBe(0)
    expect(await ask(`{ lock: ${digest} }`)).toBe(0)
    // Without the grant the rule can never take effect.
    expect(await ask('{ from: ./agent/other.yaml }')).toBe(3)
    expect(await ask(`{ lock: sha256-${'0'.repeat(64)} }`)).toBe(3)
    desk.write({ 'agent/play.ts': `${files['agent/play.ts']}\nconsole.log(1)\n` })
    expect(await ask(`{ lock: ${digest} }`)).toBe(3)
  })
})
