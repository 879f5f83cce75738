/** What no rule permits, through the whole program: the tool hears why, the run goes on, and all of it is kept. */
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf, type AgentParts } from '../support/program.ts'

const READS: AgentParts['tools'][string] = {
  rights: "read: ['src/**', 'links/**'], deny: ['src/vendor/**']",
  imports: "import { readFile } from 'node:fs/promises'",
  body: "return await readFile(text ?? '', 'utf8')",
}
const WRITES: AgentParts['tools'][string] = {
  rights: "write: ['**'], read: ['**'], delete: ['**']",
  imports: "import { writeFile, rename, rm } from 'node:fs/promises'",
  body: "if (number === 1) await rm(text ?? ''); else if (number === 2) await rename('free', text ?? ''); else await writeFile(text ?? '', 'owned')",
}

/** By tool: the path, how (see `WRITES`), and the rule that refuses it; none where it is permitted. */
const CASES: readonly (readonly [tool: 'reads' | 'writes', path: string, how: number, rule: string | undefined])[] = [
  ['reads', 'src/a.ts', 0, undefined],
  ['reads', 'other/b.ts', 0, 'no rule permits it'],
  ['reads', 'src/vendor/c.ts', 0, 'deny src/vendor/**'],
  ['reads', 'src/VENDOR/c.ts', 0, 'deny src/vendor/**'],
  ['reads', 'src/../src/a.ts', 0, undefined],
  ['reads', '../secret', 0, 'no such path'],
  ['reads', '/etc/passwd', 0, 'no such path'],
  ['reads', '.env', 0, 'protected .env'],
  ['reads', '.git/config', 0, 'the whole of .git'],
  ['reads', 'key.pem', 0, 'protected *.pem'],
  ['reads', 'links/inner', 0, 'no rule permits it, through a link'],
  ['reads', 'links/fine', 0, undefined],
  ['writes', 'free', 0, undefined],
  ['writes', 'package.json', 0, 'executed by others'],
  ['writes', '.github/workflows/ci.yml', 0, 'executed by others'],
  ['writes', 'agent/play.ts', 0, "the agent's own files"],
  ['writes', 'agent/tools/reads.ts', 0, "the agent's own files"],
  ['writes', 'agent/agent.lock', 0, 'executed by others: *.lock'],
  ['writes', '.git/hooks/pre-commit', 0, 'the whole of .git'],
  ['writes', '.env', 1, 'protected .env'],
  ['writes', 'package.json', 2, 'executed by others'],
]

test('each denial names its rule and what is allowed, and changes nothing', async () => {
  const script = `
    const heard = []
    for (const [tool, text, number] of ${JSON.stringify(CASES.map((one) => one.slice(0, 3)))}) heard.push(await tried(call(tool, { text, number })))
    return JSON.stringify(heard)`
  using desk = openDesk({
    ...agentFiles({ tools: { reads: READS, writes: WRITES }, script, more: 'budget: { turns: 50 }' }),
    'src/a.ts': 'a', 'other/b.ts': 'b', 'src/vendor/c.ts': 'c', '.env': 'S=1', 'key.pem': 'K', 'package.json': '{}', 'links/x': '', '../secret': 's',
  }) // prettier-ignore
  execFileSync('git', ['init', '-q'], { cwd: desk.workspace })
  symlinkSync('../other/b.ts', join(desk.workspace, 'links/inner'))
  symlinkSync('../src/a.ts', join(desk.workspace, 'links/fine'))
  const run = await desk.run('agent/agent.yaml', '--json', '--fail-on-deny')
  expect(run, run.stderr).toMatchObject({ exit: 6 })
  const result = resultOf(run)
  const heard = JSON.parse(String(result['output'])) as {
    value?: unknown
    name?: string
    code?: string
    message?: string
  }[]
  CASES.forEach(([tool, path, , rule], index) => {
    if (rule === undefined) return expect(heard[index], path).toHaveProperty('value')
    expect(heard[index], path).toMatchObject({ name: 'Denied', code: 'E_DENIED' })
    expect(heard[index]?.message, path).toContain(rule)
    expect(heard[index]?.message, path).toContain(`${tool} may `)
  })
  const refused = CASES.filter(([, , , rule]) => rule !== undefined)
  const denied = result['denied'] as { tool: string; request: string; rule: string }[]
  expect(denied.map(({ tool }) => tool)).toEqual(refused.map(([tool]) => tool))
  denied.forEach(({ rule }, index) => expect(rule).toContain(refused[index]?.[3]))
  expect(readFileSync(join(desk.workspace, 'package.json'), 'utf8')).toBe('{}')
  for (const name of ['.github', '.git/hooks/pre-commit']) expect(existsSync(join(desk.workspace, name))).toBe(false)
  expect(readFileSync(join(desk.workspace, '.env'), 'utf8')).toBe('S=1')
  const shown = await desk.run('audit', 'show', 'last')
  expect(shown.stdout.match(/denied/g)?.length).toBeGreaterThanOrEqual(refused.length)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
})

test('a link out of the workspace leads nowhere, for reading and for writing', async () => {
  const script = `return JSON.stringify([await tried(call('reads', { text: 'links/out/secret' })),
    await tried(call('writes', { text: 'links/out/new' })), await tried(call('writes', { text: 'links/file' }))])`
  using desk = openDesk({
    ...agentFiles({ tools: { reads: READS, writes: WRITES }, script }),
    'links/x': '',
    '../home/secret': 'hidden',
  })
  symlinkSync(desk.home, join(desk.workspace, 'links/out'))
  symlinkSync(join(desk.home, 'secret'), join(desk.workspace, 'links/file'))
  const run = await desk.run('agent/agent.yaml')
  const heard = JSON.parse(run.stdout) as { code?: string }[]
  expect(heard).toHaveLength(3)
  for (const one of heard) expect(one.code).toMatch(/^E_OUTSIDE$|^E_DENIED$|^ELOOP$/)
  expect(run.stdout).not.toContain('hidden')
  expect(readFileSync(join(desk.home, 'secret'), 'utf8')).toBe('hidden')
  expect(existsSync(join(desk.home, 'new'))).toBe(false)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
})
