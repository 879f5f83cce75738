/** A cache that a cloned repository brings along is not read: it would be code of the host. */
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, type Desk, type Finished } from '../support/program.ts'

const FILES = agentFiles({ tools: { says: { body: "return 'honest'" } }, script: "return await call('says')" })

const runIn = (desk: Desk, cache: string): Promise<Finished> =>
  desk.runWith({ environment: { XDG_CACHE_HOME: cache } }, 'agent/agent.yaml')

/** Makes every bundle of a cache say something else, records and hashes along with it. */
async function forge(cache: string): Promise<number> {
  const { createHash } = await import('node:crypto')
  const folder = join(cache, 'run-agent/bundles')
  let forged = 0
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json') && !file.includes('manifest'))) {
    const record = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { hash: string }
    const code = readFileSync(join(folder, `${record.hash}.cjs`), 'utf8')
    if (!code.includes('honest')) continue
    const other = code.replace('honest', 'forged')
    const hash = createHash('sha256').update(other).digest('hex')
    writeFileSync(join(folder, `${hash}.cjs`), other)
    writeFileSync(join(folder, name), JSON.stringify({ ...record, hash }))
    forged += 1
  }
  return forged
}

test('in the workspace, whether its path is absolute or relative', async () => {
  using desk = openDesk(FILES)
  const outside = join(desk.home, 'cache')
  expect(await runIn(desk, outside)).toMatchObject({ exit: 0, stdout: 'honest\n' })
  expect(await forge(outside)).toBe(1)
  // Negative control: the user's own cache is believed, so the forgery is a good one.
  expect((await runIn(desk, outside)).stdout).toBe('forged\n')

  const inside = join(desk.workspace, '.cache')
  cpSync(outside, inside, { recursive: true })
  expect(await runIn(desk, inside)).toMatchObject({ exit: 0, stdout: 'honest\n' })
  expect(await runIn(desk, '.cache')).toMatchObject({ exit: 0, stdout: 'honest\n' })
  // Beside the current folder and the definition's, below the repository that holds both.
  desk.write({ 'package.json': '{}', 'sub/x': '' })
  const beside = { cwd: join(desk.workspace, 'sub'), environment: { XDG_CACHE_HOME: inside } }
  expect(await desk.runWith(beside, '../agent/agent.yaml')).toMatchObject({ exit: 0, stdout: 'honest\n' })
  // Host code is kept below the user's own home alone, whatever the environment says.
  expect(existsSync(join(inside, 'run-agent/compile'))).toBe(false)
})
