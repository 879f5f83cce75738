/** What the operator's configuration names lies in the workspace: no tool comes near it, and the next run believes it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateIdentity } from 'age-encryption'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, type Desk } from '../support/program.ts'

const DENIED = 'E_DENIED'

/** What a tool that may read, write and delete `**` has of the files. */
async function taken(
  desk: Desk,
  names: readonly string[],
  ...args: readonly string[]
): Promise<Record<string, string[]>> {
  const task = JSON.stringify(names)
  const run = await desk.run('agent/agent.yaml', task, ...args)
  expect(run).toMatchObject({ exit: 0 })
  return JSON.parse(run.stdout) as Record<string, string[]>
}

function openOperatorsDesk(): Desk {
  const body = `
    const names = JSON.parse(text)
    const tried = async (act) => await act().then(() => 'done', (error) => error.code)
    const found = {}
    for (const name of names) {
      found[name] = [
        await tried(() => fs.readFile(name)),
        await tried(() => fs.writeFile(name, 'EVIL')),
        await tried(() => fs.rm(name)),
      ]
    }
    return JSON.stringify(found)`
  const rights = 'read: ["**"], write: ["**"], delete: ["**"]'
  const tools = { takes: { rights, imports: "import fs from 'node:fs/promises'", body } }
  const desk = openDesk(agentFiles({ tools, script: "return await call('takes', { text: task })" }))
  mkdirSync(join(desk.workspace, 'ops/keys'), { recursive: true, mode: 0o700 })
  for (const name of ['token.txt', 'token.sh', 'ca.crt', 'alice.txt', 'env', 'notes.txt', 'keys/app.txt'])
    writeFileSync(join(desk.workspace, 'ops', name), '-----BEGIN CERTIFICATE-----', { mode: 0o600 })
  return desk
}

const USE =
  'inject: { basic: me }, for: ["GET https://a.example/x"], agents: { other: { from: ./other.yaml, tools: [t] } }'

test('the store, its key, the configuration and the trail', async () => {
  using desk = openOperatorsDesk()
  const ops = join(desk.workspace, 'ops')
  writeFileSync(join(ops, 'identity.txt'), `${await generateIdentity()}\n`, { mode: 0o600 })
  const config = join(ops, 'config.yaml')
  writeFileSync(
    config,
    `store: { file: ./credentials.db, key: { age: ./identity.txt } }
audit: { file: ./audit.db }
credentials: { api: { source: { store: true }, ${USE} } }
`,
    { mode: 0o600 },
  )
  expect(
    await desk.runWith({ input: 'canary-0123456789' }, 'credentials', 'add', 'api', '--config', config),
  ).toMatchObject({ exit: 0 })
  const names = ['config.yaml', 'identity.txt', 'credentials.db', 'credentials.db-wal', 'audit.db', 'audit.db-wal']
  const paths = names.map((name) => `ops/${name}`)
  // The configured trail is nobody's where another one is named, too.
  for (const audit of [[], ['--audit', join(desk.home, 'elsewhere.db')]]) {
    const found = await taken(desk, [...paths, 'ops/notes.txt'], '--config', config, ...audit)
    for (const path of paths) expect(found[path], path).toEqual([DENIED, DENIED, DENIED])
  }
})

test('what credentials come from, and what certificates are believed by', async () => {
  using desk = openOperatorsDesk()
  const config = join(desk.workspace, 'ops/config.yaml')
  const app = 'app: 1, installation: 1, repositories: [r], permissions: { issues: read }'
  writeFileSync(
    config,
    `networks: [{ hosts: [corp.example], addresses: [10.0.0.0/8], ca: ./ca.crt }]
store: { key: { passphrase: { file: ./keys/../env } } }
credentials:
  file: { source: { file: ./token.txt }, ${USE} }
  exec: { source: { exec: [${desk.workspace}/ops/token.sh] }, ${USE} }
  each: { source: { env-file: "./\${user}.txt", key: K }, users: [bob, alice], ${USE} }
  app: { source: { github-app: { ${app}, key: { file: ./keys/app.txt } } }, ${USE} }
`,
    { mode: 0o600 },
  )
  const paths = ['ca.crt', 'env', 'token.txt', 'token.sh', 'alice.txt', 'keys/app.txt'].map((name) => `ops/${name}`)
  const found = await taken(desk, [...paths, 'ops/notes.txt'], '--config', config)
  for (const path of paths) expect(found[path], path).toEqual([DENIED, DENIED, DENIED])
  // The control: the same tool has what lies beside them, and these without the configuration.
  expect(found['ops/notes.txt']).toEqual(['done', 'done', 'done'])
  expect((await taken(desk, ['ops/token.txt']))['ops/token.txt']).toEqual(['done', 'done', 'done'])
})

test('each link on the way to the configuration', async () => {
  using desk = openOperatorsDesk()
  const real = join(desk.home, 'real.yaml')
  writeFileSync(real, 'settings: { a: b }\n', { mode: 0o600 })
  symlinkSync(real, join(desk.workspace, 'ops/conf.yaml'))
  const named = join(desk.home, 'named.yaml')
  symlinkSync(join(desk.workspace, 'ops/conf.yaml'), named)
  const found = await taken(desk, ['ops/conf.yaml'], '--config', named)
  expect(found['ops/conf.yaml']).toEqual([DENIED, DENIED, DENIED])
})

test('the agent itself, by the folder as it was named and as it is', async () => {
  using desk = openOperatorsDesk()
  symlinkSync('agent', join(desk.workspace, 'named'))
  const names = ['named/agent.yaml', 'agent/agent.yaml', 'named/tools/takes.ts', 'agent/play.ts']
  const body = `${names.map((name) => `'${name}'`).join(', ')}`
  const run = await desk.run('named/agent.yaml', `[${body.replaceAll("'", '"')}]`)
  const found = JSON.parse(run.stdout) as Record<string, string[]>
  for (const name of names) expect(found[name]?.slice(1), name).toEqual([DENIED, DENIED])
})
