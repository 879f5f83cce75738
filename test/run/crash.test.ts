/** The runner is killed at any moment: the trail opens, and no side effect lacks its durable intent. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { agentFiles, openDesk } from '../support/program.ts'
import { readTrail } from '../support/trail.ts'

const KILLS = 40
const WRITES = {
  writes: {
    rights: "write: ['out/**']",
    imports: "import { writeFile } from 'node:fs/promises'",
    body: "for (let i = 0; ; i++) await writeFile('out/' + text + '-' + i, 'x')",
  },
}
// Each run writes files of its own: an intent of another run must not vouch for them.
const SCRIPT = `const own = Math.random().toString(36).slice(2)
  await Promise.all(['a', 'b', 'c'].map((part) => call('writes', { text: own + part })))`

/** Sandbox processes that nobody is left to end. */
function orphans(): readonly string[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => /^\s*\d+\s+1\s.*isolated-vm.*\.node/.test(line))
}

test('a killed run is shown as crashed, and each file it wrote has its intent', { timeout: 150_000 }, async () => {
  const before = orphans()
  using desk = openDesk(agentFiles({ tools: WRITES, script: SCRIPT }))
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { child, finished, saying } = desk.start(['agent/agent.yaml'])
    // From before the trail is opened to well into the writing, however slow the machine is.
    if (kill % 4 > 0) await saying('played by')
    await new Promise((resolve) => setTimeout(resolve, (kill * 37) % 500))
    child.kill('SIGKILL')
    await finished
  }
  const intents = new Set<unknown>()
  const runs = readTrail(desk.trail, (reader) => {
    expect(reader.verifyAll()).toMatchObject({ ok: true })
    const found = reader.runs({ limit: KILLS })
    for (const { id } of found) {
      for (const { kind, data } of reader.events(id)) {
        if (kind === 'host.request') intents.add(Reflect.get(Object(data['request']), 'path'))
      }
    }
    return found
  })
  expect(runs.length).toBeGreaterThan(KILLS / 4)
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['crashed']))
  const written = readdirSync(join(desk.workspace, 'out')).filter((name) => !name.startsWith('.'))
  expect(written.length).toBeGreaterThan(KILLS)
  expect(written.filter((name) => !intents.has(`out/${name}`))).toEqual([])
  // No sandbox process outlives its host: the closed pipe ends it.
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(orphans().filter((line) => !before.includes(line))).toEqual([])
})

test('two runs at once share one trail', { timeout: 60_000 }, async () => {
  const tools = {
    ok: { body: "for (let i = 0; i < 50; i++) await new Promise((r) => setTimeout(r, 1)); return 'fine'" },
  }
  using desk = openDesk(agentFiles({ tools, script: "return await call('ok')" }))
  const runs = await Promise.all([1, 2, 3].map(() => desk.run('agent/agent.yaml')))
  for (const run of runs) expect(run).toMatchObject({ exit: 0, stdout: 'fine\n' })
  readTrail(desk.trail, (reader) => {
    expect(reader.verifyAll()).toMatchObject({ ok: true })
    expect(reader.runs({ limit: 9 }).map(({ status }) => status)).toEqual(['completed', 'completed', 'completed'])
  })
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
})
