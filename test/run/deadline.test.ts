/** What a call still wanted when its deadline came is not done any more. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk } from '../support/program.ts'

const TOOLS = {
  writes: {
    rights: "write: ['out/**'], limits: { timeout: 500ms }",
    imports: "import { writeFile } from 'node:fs/promises'",
    body: "await Promise.all(Array.from({ length: 8000 }, (_, i) => writeFile('out/' + i, 'x')))",
  },
}
const DEADLINE_MS = 500
const LATE_MS = 600

test('writes end with the deadline of their call', { timeout: 60_000 }, async () => {
  const script = "await tried(call('writes')); await new Promise((r) => setTimeout(r, 1500)); return 'done'"
  using desk = openDesk(agentFiles({ tools: TOOLS, script }))
  expect(await desk.run('agent/agent.yaml')).toMatchObject({ exit: 0, stdout: 'done\n' })
  const ended = desk.events().find((event) => event.kind === 'tool.outcome')
  expect(ended?.data).toMatchObject({ end: { kind: 'killed', cause: 'timeout' } })
  // From the call's beginning: a host that is deaf while it writes also records the end late.
  const begun = desk.events().find((event) => event.kind === 'tool.call')?.ts ?? 0
  const out = join(desk.workspace, 'out')
  const written = existsSync(out) ? readdirSync(out).map((name) => statSync(join(out, name)).mtimeMs) : []
  expect(Math.max(0, ...written) - begun).toBeLessThan(DEADLINE_MS + LATE_MS)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
})
