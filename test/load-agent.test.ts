import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BUILTIN_TOOLS } from '../runtime/definition/builtin-tools.ts'
import { ProblemsError, RunAgentError } from '../runtime/errors.ts'
import { AGENT_CODE_BYTES_MAX } from '../runtime/limits.ts'
import { loadAgent, type AgentLoader, type LoadedAgent } from '../runtime/load-agent.ts'
import { readDefinition, type DefinitionPlace } from '../runtime/read-definition.ts'
import { readEnvironment, workspaceFiles } from '../runtime/cli/environment.ts'
import { openWorkshop } from '../runtime/cli/workshop.ts'
import { nodeFileHost } from '../runtime/node-files.ts'
import { decide } from '../runtime/policy/decide.ts'
import { makeTree } from './support/tree.ts'

const environment = readEnvironment()
const workshop = openWorkshop(environment)
afterAll(() => workshop.close())

async function load(workspace: string, folder: string, kept: readonly string[] = []): Promise<LoadedAgent> {
  const place: DefinitionPlace = {
    folder: join(workspace, folder),
    named: join(workspace, folder),
    name: 'agent.yaml',
    shown: `${folder}/agent.yaml`,
    realPath: undefined,
  }
  const read = await readDefinition(nodeFileHost, place)
  return await loadAgent(workshop.loader, place, read, workspaceFiles(environment, workspace, place, kept))
}

const TOOL = `
import { defineTool, z } from 'run-agent'
export default defineTool({
  description: 'Says something.',
  parameters: z.object({ text: z.string().max(10).default('hi') }),
  needs: { read: true },
  async execute({ text }) { return text },
})`

function definition(tools: string): string {
  return `name: a\nscript: ./play.ts\ntools:\n${tools}`
}
const PLAY = "import { defineScript } from 'run-agent'\nexport default defineScript(async () => 'done')"

describe('loadAgent()', () => {
  test('gives a tool of the definition its manifest, its grant and its limits', async () => {
    using tree = makeTree(['agents/play.ts=', 'agents/tools/', 'src/a=1'])
    writeFileSync(
      join(tree.path, 'agents/agent.yaml'),
      definition('  say: { from: ./tools/say.ts, read: ["src/**"] }\n'),
    )
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    writeFileSync(join(tree.path, 'agents/tools/say.ts'), TOOL)
    const agent = await load(tree.path, 'agents')
    expect(agent.tools[0]).toMatchObject({
      name: 'say',
      description: 'Says something.',
      parameters: { type: 'object', properties: { text: { type: 'string', maxLength: 10, default: 'hi' } } },
      grant: { paths: [{ right: 'read', pattern: 'src/**', place: 'agents/agent.yaml:4:39' }] },
      limits: { wallMs: 30_000 },
    })
    expect(agent.script?.source).toContain('done')
  })

  test('refuses a right that the tool never needs, at its place', async () => {
    using tree = makeTree(['agents/tools/'])
    writeFileSync(
      join(tree.path, 'agents/agent.yaml'),
      definition('  say: { from: ./tools/say.ts, read: ["**"], write: ["out/*"] }\n'),
    )
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    writeFileSync(join(tree.path, 'agents/tools/say.ts'), TOOL)
    const error = await load(tree.path, 'agents').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ProblemsError)
    expect((error as ProblemsError).problems).toMatchObject([
      { file: 'agents/agent.yaml', line: 4, column: 54, message: expect.stringContaining('never needs write out/*') },
    ])
  })

  test.each([
    ['throws while it loads', 'throw new Error("at once")', 'at once'],
    ['loops while it loads', 'for (;;);', 'limit'],
    ['exports no tool', 'export default 1', 'defineTool'],
    ['has a check that JSON Schema cannot say', TOOL.replace('.max(10)', '.refine(() => false)'), 'text'],
  ])('refuses a tool that %s', { timeout: 20_000 }, async (_what, source, text) => {
    using tree = makeTree(['agents/tools/'])
    writeFileSync(join(tree.path, 'agents/agent.yaml'), definition('  say: { from: ./tools/say.ts, read: ["**"] }\n'))
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    writeFileSync(join(tree.path, 'agents/tools/say.ts'), source)
    const error = await load(tree.path, 'agents').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RunAgentError)
    expect((error as RunAgentError).message).toContain(text)
  })

  test("never grants the trail or run-agent's own folders, wherever they lie", async () => {
    using tree = makeTree(['agents/', 'audit.db=x', 'state/a=x'])
    writeFileSync(join(tree.path, 'agents/agent.yaml'), definition('  read_file: { read: ["**"] }\n'))
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    const kept = await load(tree.path, 'agents', [join(tree.path, 'audit.db')])
    const open = await load(tree.path, 'agents')
    const answer = (agent: LoadedAgent, path: string): string => {
      const [tool] = agent.tools
      if (tool === undefined) throw new Error('there is a tool')
      return decide(tool.grant, { op: 'fs.read', path }, {}).kind
    }
    expect(['audit.db', 'audit.db-wal', 'src'].map((path) => answer(kept, path))).toEqual(['deny', 'deny', 'permit'])
    // Negative control: the rules alone permit it.
    expect(answer(open, 'audit.db')).toBe('permit')
  })

  test('lets no wildcard rule write what the code of the agent is made of, nor what would take its place', async () => {
    using tree = makeTree(['agents/tools/', 'agents/lib/'])
    const say = TOOL.replace('needs: { read: true },', '').replace('import', "import { x } from '../lib/v.js'\nimport")
    writeFileSync(join(tree.path, 'agents/agent.yaml'), definition('  say: { from: ./tools/say.ts, write: ["**"] }\n'))
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    writeFileSync(join(tree.path, 'agents/tools/say.ts'), say.replace('return text', 'return text + x'))
    writeFileSync(join(tree.path, 'agents/lib/v.js'), 'export const x = 1')
    const [tool] = (await load(tree.path, 'agents')).tools
    const answer = (path: string): string =>
      decide(tool?.grant ?? expect.fail(), { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' }, {}).kind
    expect(['lib/v.js', 'tools/say.ts', 'play.ts', 'agent.yaml'].map((name) => answer(`agents/${name}`))).toEqual(
      Array(4).fill('deny'),
    )
    expect(answer('agents/lib/other.js')).toBe('permit')
  })

  test('the table of built-in tools says what their manifests say', async () => {
    using tree = makeTree(['agents/'])
    const rules: Readonly<Record<string, string>> = {
      git: 'git: read',
      read: 'read: ["**"]',
      write: 'write: ["out/*"]',
      http: 'http: ["GET https://api.example/"]',
    }
    const lines = Object.entries(BUILTIN_TOOLS).map(
      ([name, { needs }]) => `  ${name}: { ${needs.map((right) => rules[right]).join(', ')} }`,
    )
    mkdirSync(join(tree.path, 'out'))
    writeFileSync(join(tree.path, 'agents/agent.yaml'), definition(`${lines.join('\n')}\n`))
    writeFileSync(join(tree.path, 'agents/play.ts'), PLAY)
    const agent = await load(tree.path, 'agents')
    expect(agent.tools.map(({ name }) => name)).toEqual(Object.keys(BUILTIN_TOOLS))
    for (const { name, grant } of agent.tools) {
      const { needs } = BUILTIN_TOOLS[name as keyof typeof BUILTIN_TOOLS]
      const given = [
        ...(grant.git === undefined ? [] : ['git']),
        ...new Set(grant.paths.map((rule) => rule.right)),
        ...(grant.http.length > 0 ? ['http'] : []),
      ]
      // A right that a manifest does not need would have been refused, so what is left is what it needs.
      expect(given.toSorted(), name).toEqual([...needs].toSorted())
    }
  })
})

describe('readDefinition()', () => {
  test.each([
    ['agent.yaml', 'agents/agent.yaml => .env'],
    ['agent.yaml', 'agents/agent.yaml => ../.git/config'],
  ])('reads no protected file through a link: %s', async (name, link) => {
    using tree = makeTree(['agents/.env=TOKEN: canary', '.git/config=[canary]', link])
    const place: DefinitionPlace = {
      folder: join(tree.path, 'agents'),
      named: join(tree.path, 'agents'),
      name,
      shown: name,
      realPath: undefined,
    }
    await expect(readDefinition(nodeFileHost, place)).rejects.toThrow(/couldn't read agent\.yaml/)
  })

  test('makes no protected file the instructions', async () => {
    using tree = makeTree(['agents/.env=TOKEN: canary', 'agents/prompt.md => .env'])
    writeFileSync(
      join(tree.path, 'agents/agent.yaml'),
      'name: a\nscript: ./s.ts\ninstructions: { file: ./prompt.md }\n',
    )
    const place: DefinitionPlace = {
      folder: join(tree.path, 'agents'),
      named: join(tree.path, 'agents'),
      name: 'agent.yaml',
      shown: 'agent.yaml',
      realPath: undefined,
    }
    await expect(readDefinition(nodeFileHost, place)).rejects.toThrow(/protected/)
  })
})

describe('the code of an agent', () => {
  /** Loads ten tools whose bundles are of `bytes`; tells how many were bundled, and how many at most at once. */
  async function loadTen(bytes: number, failing?: number): Promise<{ bundled: number; most: number; error: unknown }> {
    using tree = makeTree(['agents/'])
    const names = Array.from({ length: 10 }, (_, index) => `t${index}`)
    const tools = names.map((name) => `  ${name}: { from: ./${name}.ts }\n`).join('')
    writeFileSync(join(tree.path, 'agents/agent.yaml'), `name: a\nmodel: openai/x\ntools:\n${tools}`)
    let [bundled, now, most] = [0, 0, 0]
    const loader: AgentLoader = {
      ...workshop.loader,
      async bundleEntry(_folder, entry) {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setTimeout(resolve, 5))
        now -= 1
        if (bundled++ === failing) throw new RunAgentError('E_TOOL_LOAD', `${entry} is broken`)
        return { code: { hash: '0'.repeat(64), name: entry, source: ' '.repeat(bytes) }, files: [], data: [] }
      },
      describeTool: async () => ({ description: 'x', parameters: { type: 'object' }, needs: {} }),
    }
    const place: DefinitionPlace = {
      folder: join(tree.path, 'agents'),
      named: join(tree.path, 'agents'),
      name: 'agent.yaml',
      shown: 'agent.yaml',
      realPath: undefined,
    }
    const files = workspaceFiles(environment, tree.path, place, [])
    const error: unknown = await loadAgent(loader, place, await readDefinition(nodeFileHost, place), files).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    return { bundled, most, error }
  }

  test('is bundled two files at a time', async () => {
    expect(await loadTen(10)).toEqual({ bundled: 10, most: 2, error: undefined })
  })

  test('is limited together, and nothing is bundled beyond the limit', async () => {
    const { bundled, error } = await loadTen(AGENT_CODE_BYTES_MAX / 4)
    expect(error).toMatchObject({ code: 'E_TOOL_LOAD', message: expect.stringContaining('67108864 bytes') as string })
    expect(bundled).toBeLessThanOrEqual(6)
  })

  test('is bundled no further once a tool is broken', async () => {
    const { bundled, error } = await loadTen(10, 2)
    expect(error).toMatchObject({ message: './t2.ts is broken' })
    expect(bundled).toBeLessThanOrEqual(4)
  })
})
