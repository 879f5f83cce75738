/** An operator's store of secrets, its key and the configuration lie in the workspace: no tool comes near them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateIdentity } from 'age-encryption'
import { expect, test } from 'vitest'
import { agentFiles, openDesk } from '../support/program.ts'

const NAMES = ['config.yaml', 'identity.txt', 'credentials.db', 'credentials.db-wal', 'notes.txt']

test('of files beside the configuration a tool reads and deletes its own alone', async () => {
  const body = `
    const tried = async (act) => await act().then(() => 'done', (error) => error.code)
    const reads = await Promise.all(${JSON.stringify(NAMES)}.map((name) => tried(() => fs.readFile('ops/' + name))))
    const gone = await Promise.all(${JSON.stringify(NAMES)}.map((name) => tried(() => fs.rm('ops/' + name))))
    const listed = await fs.readdir('ops')
    return JSON.stringify([reads, gone, listed])`
  const rights = 'read: ["**"], write: ["**"], delete: ["**"]'
  using desk = openDesk(
    agentFiles({
      tools: { takes: { rights, imports: "import fs from 'node:fs/promises'", body } },
      script: "return await call('takes')",
    }),
  )
  const ops = join(desk.workspace, 'ops')
  mkdirSync(ops, { mode: 0o700 })
  writeFileSync(join(ops, 'identity.txt'), `${await generateIdentity()}\n`, { mode: 0o600 })
  writeFileSync(join(ops, 'notes.txt'), 'mine')
  writeFileSync(
    join(ops, 'config.yaml'),
    `store: { file: ./credentials.db, key: { age: ./identity.txt } }
credentials: { api: { source: { store: true }, inject: { basic: me }, for: ["GET https://a.example/x"], agents: { tested: { from: ../agent/agent.yaml, tools: [takes] } } } }
`,
    { mode: 0o600 },
  )
  const added = await desk.runWith(
    { input: 'canary-0123456789' },
    'credentials',
    'add',
    'api',
    '--config',
    'ops/config.yaml',
  )
  expect(added).toMatchObject({ exit: 0 })
  const { stdout } = await desk.run('agent/agent.yaml', '--config', 'ops/config.yaml')
  const [reads, gone, listed] = JSON.parse(stdout) as [string[], string[], string[]]
  // The control: the same tool has what lies beside them.
  expect(reads).toEqual(['E_DENIED', 'E_DENIED', 'E_DENIED', 'E_DENIED', 'done'])
  expect(gone).toEqual(['E_DENIED', 'E_DENIED', 'E_DENIED', 'E_DENIED', 'done'])
  expect(listed).not.toContain('identity.txt')
})
