/** Calls that a script makes and does not wait for. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf } from '../support/program.ts'

const TOOLS = {
  writes: {
    rights: "write: ['out/**']",
    imports: "import { writeFile } from 'node:fs/promises'",
    body: "await writeFile(text ?? '', 'x')",
  },
  reads: { body: 'return 1' },
}

test.each([
  ["call('writes', { text: 'out/a' }); return 'done'", 'writes', 0],
  ["await call('reads'); call('writes', { text: 'out/a' }); call('reads'); return 'done'", 'writes, reads', 1],
  ["for (const n of 'abcde') call(n).catch(() => 0); return 'done'", 'a, b, c and 2 more', 0],
])('%s: the run fails and names them, and so does its replay', async (script, names, calls) => {
  using desk = openDesk(agentFiles({ tools: TOOLS, script }))
  const run = await desk.run('agent/agent.yaml', '--json')
  const message = `the script ended without waiting for a call of ${names}, so it was never made; write \`await call(…)\``
  expect(resultOf(run)).toMatchObject({ status: 'failed', error: { code: 'E_MODEL', message } })
  expect(run).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining(`failed · ${calls} call${calls === 1 ? '' : 's'}`) as string,
  })
  expect(existsSync(join(desk.workspace, 'out'))).toBe(false)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
})

test('a call that something else was waited for with is made', async () => {
  const script =
    "call('writes', { text: 'out/a' }); await call('reads'); await Promise.race([call('reads'), call('reads')]); return 'done'"
  using desk = openDesk(agentFiles({ tools: TOOLS, script }))
  expect(await desk.run('agent/agent.yaml')).toMatchObject({ exit: 0, stdout: 'done\n' })
  expect(existsSync(join(desk.workspace, 'out/a'))).toBe(true)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
})
