import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, describe, expect, test } from 'vitest'
import { agentFiles, openDesk, type Desk, type Finished } from '../support/program.ts'
import { bubblewrapStands } from '../support/sandbox.ts'

const desks: Desk[] = []

afterEach(() => {
  for (const desk of desks.splice(0)) desk[Symbol.dispose]()
})

function openedDesk(files: Readonly<Record<string, string>> = {}): Desk {
  const desk = openDesk(files)
  desks.push(desk)
  return desk
}

interface Found {
  readonly what: string
  readonly status: string
  readonly message: string
  readonly hint?: string
  readonly exit?: number
}

function foundIn({ stdout }: Finished): Readonly<Record<string, Found>> {
  const findings = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
  return Object.fromEntries(findings.map((found) => [found.what, found]))
}

function configure(desk: Desk, text: string, mode = 0o600): string {
  const file = join(dirname(desk.trail), '../../config/run-agent/config.yaml')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, text, { mode })
  chmodSync(file, mode)
  return file
}

const PROVIDED = `
providers:
  local: { baseURL: 'http://127.0.0.1:9/v1', api: chat, credential: fromvariable }
  other: { baseURL: 'https://models.example/v1', credential: fromfile }
credentials:
  fromvariable: { source: { env: CANARY } }
  fromfile: { source: { file: ./secret.key } }
`

const canary = (): string => `canary${randomBytes(12).toString('hex')}`

describe('doctor', () => {
  test('finds nothing wrong on a machine that is in order', async () => {
    const desk = openedDesk()
    const { exit, stdout, stderr } = await desk.run('doctor')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    for (const what of ['node: v', 'sandbox: ', 'bubblewrap: ', 'config folder: ', 'configuration: none', 'trail: ']) {
      expect(stdout).toMatch(new RegExp(`^(?:ok {7}|warning {2})${what}`, 'm'))
    }
    expect(stdout).toMatch(/^warning {2}model: no model can play, scripts can\n {11}Set OPENAI_API_KEY, or write/m)
    expect(stdout).not.toMatch(/^problem/m)
  })

  test.skipIf(!bubblewrapStands())('says that bubblewrap stands, having run it', async () => {
    expect(foundIn(await openedDesk().run('doctor', '--json'))['bubblewrap']).toMatchObject({ status: 'ok' })
  })

  test('says where each credential would come from and whether it is there, and prints no secret', async () => {
    const desk = openedDesk()
    const [variable, file] = [canary(), canary()]
    const key = join(dirname(configure(desk, PROVIDED)), 'secret.key')
    writeFileSync(key, `${file}\n`, { mode: 0o600 })
    const environment = { CANARY: variable, OPENAI_API_KEY: canary() }
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { exit, stdout, stderr } = await desk.runWith({ environment }, ...args)
      expect(exit).toBe(0)
      expect(stdout).toContain('is there, from the environment variable CANARY')
      expect(stdout).toMatch(/is there, from the file .*secret.key/)
      expect(stdout).toContain('https://models.example/v1 with the credential fromfile')
      for (const secret of Object.values(environment)) expect(stdout + stderr).not.toContain(secret)
      expect(stdout + stderr).not.toContain(file)
    }
    // The negative control: without them the same lines are problems, and the first is the exit code.
    writeFileSync(key, `${file}\n`)
    chmodSync(key, 0o644)
    const broken = await desk.run('doctor', '--json')
    const found = foundIn(broken)
    expect(broken.exit).toBe(4)
    expect(found['credential fromvariable']).toMatchObject({ status: 'problem', exit: 4 })
    expect(found['credential fromfile']).toMatchObject({ status: 'problem', exit: 4 })
    expect(found['provider local']).toMatchObject({ status: 'problem', exit: 4 })
    expect(broken.stdout + broken.stderr).not.toContain(file)
  })

  test('prints no secret that stands where it should not', async () => {
    const desk = openedDesk()
    const secret = canary()
    configure(desk, `providers:\n  openai: { baseURL: 'https://user:${secret}@host.example/v1', key: ${secret} }\n`)
    const environment = { OPENAI_BASE_URL: `https://${secret}.example`, OPENAI_API_KEY: `${secret}\u0007` }
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { exit, stdout, stderr } = await desk.runWith({ environment }, ...args)
      expect(exit).toBe(3)
      expect(stdout).toContain('configuration')
      expect(stdout + stderr).not.toContain(secret)
    }
  })

  test('finds a configuration that others can change, and folders that are open', async () => {
    const desk = openedDesk()
    const file = configure(desk, 'providers: {}\n', 0o666)
    const first = await desk.run('doctor', '--json')
    expect(first.exit).toBe(3)
    expect(foundIn(first)['configuration']).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('chmod'),
    })
    chmodSync(file, 0o600)
    chmodSync(dirname(file), 0o755)
    const readable = await desk.run('doctor', '--json')
    expect(readable.exit).toBe(0)
    expect(foundIn(readable)['config folder']).toMatchObject({ status: 'warning', hint: `chmod 700 ${dirname(file)}` })
    chmodSync(dirname(file), 0o777)
    const open = await desk.run('doctor', '--json')
    expect(open.exit).toBe(3)
    expect(foundIn(open)['config folder']).toMatchObject({ status: 'problem', exit: 3 })
  })

  test('finds a trail whose newest run was changed', async () => {
    const desk = openedDesk(agentFiles({ tools: {}, script: "return 'done'" }))
    expect((await desk.run('agent/agent.yaml', '--trust')).exit).toBe(0)
    const whole = await desk.run('doctor', '--json')
    expect(whole.exit).toBe(0)
    expect(foundIn(whole)['trail']).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('newest run is whole'),
    })
    const database = new Database(desk.trail)
    const [trigger] = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%UPDATE ON event%'")
      .all() as { name: string; sql: string }[]
    if (trigger !== undefined) database.exec(`DROP TRIGGER ${trigger.name}`)
    database.exec("UPDATE event SET ts = ts + 1 WHERE kind = 'run.end'")
    if (trigger !== undefined) database.exec(trigger.sql)
    database.close()
    const broken = await desk.run('doctor', '--json')
    expect(broken.exit).toBe(10)
    expect(foundIn(broken)['trail']).toMatchObject({
      status: 'problem',
      exit: 10,
      hint: expect.stringContaining('audit verify'),
    })
  })

  test('finds what a definition needs and does not have', async () => {
    const desk = openedDesk({
      'script.yaml': 'name: offline\nscript: ./play.ts\n',
      'play.ts': "import { defineScript } from 'run-agent'\nexport default defineScript(() => 'done')\n",
      'model.yaml': 'name: online\nmodel: openai/gpt-5.6-luna\n',
      'fallback.yaml': 'name: both\nmodel: openai/gpt-5.6-luna\nscript: ./play.ts\nfallback: script\n',
      'walled.yaml': 'name: walled\nscript: ./play.ts\nrequire: { walls: [bubblewrap] }\n',
      'wrong.yaml': 'name: wrong\nscript: ./play.ts\ntools: { no_such: {} }\n',
    })
    const offline = await desk.run('doctor', 'script.yaml', '--json')
    expect(offline.exit).toBe(0)
    expect(foundIn(offline)['definition']).toMatchObject({ status: 'ok', message: 'offline is valid, 0 tools' })
    const online = await desk.run('doctor', 'model.yaml', '--json')
    expect(online.exit).toBe(4)
    expect(foundIn(online)['model']).toMatchObject({
      status: 'problem',
      hint: expect.stringContaining('Set OPENAI_API_KEY'),
    })
    const key = canary()
    const keyed = await desk.runWith({ environment: { OPENAI_API_KEY: key } }, 'doctor', 'model.yaml', '--json')
    expect(keyed.exit).toBe(0)
    expect(foundIn(keyed)['model']).toMatchObject({ status: 'ok', message: 'openai/gpt-5.6-luna can play' })
    expect(keyed.stdout + keyed.stderr).not.toContain(key)
    const both = await desk.run('doctor', 'fallback.yaml', '--json')
    expect(both.exit).toBe(0)
    expect(foundIn(both)['model']).toMatchObject({ status: 'warning' })
    const walled = await desk.run('doctor', 'walled.yaml', '--json')
    expect(walled.exit).toBe(bubblewrapStands() ? 0 : 4)
    expect(foundIn(walled)['wall bubblewrap']).toMatchObject({ status: bubblewrapStands() ? 'ok' : 'problem' })
    const wrong = await desk.run('doctor', 'wrong.yaml')
    expect(wrong.exit).toBe(3)
    expect(wrong.stdout).toMatch(/^problem {2}definition: wrong\.yaml:3:10 /m)
  })

  test('loads a tool that never ends loading in the sandbox, with a limit', async () => {
    const desk = openedDesk({
      'agent.yaml': 'name: a\nscript: ./play.ts\ntools:\n  t: { from: ./t.ts, read: ["**"] }\n',
      'play.ts': "import { defineScript } from 'run-agent'\nexport default defineScript(() => 'done')\n",
      't.ts':
        "import { defineTool, z } from 'run-agent'\nfor (;;) {}\nexport default defineTool({ description: '', parameters: z.object({}), execute: () => 1 })\n",
    })
    const { exit, stdout } = await desk.run('doctor', 'agent.yaml')
    expect(exit).toBe(3)
    expect(stdout).toMatch(/^problem {2}definition: couldn't load the tool t\.ts: limit/m)
  })

  test('says nothing that a terminal obeys', async () => {
    const desk = openedDesk({ 'a\u001b[31m.yaml': 'name: a\nskript: ./none.ts\n' })
    const { stdout, stderr } = await desk.run('doctor', 'a\u001b[31m.yaml')
    expect(stdout + stderr).not.toContain('\u001b')
    expect(stdout).toContain('a\\x1b[31m.yaml:2:1')
  })
})
