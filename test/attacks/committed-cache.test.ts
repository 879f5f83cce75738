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
  const compiled = (): readonly string[] =>
    readdirSync(join(inside, 'run-agent/compile'), { recursive: true }).map(String)
  const before = compiled()
  expect(await runIn(desk, inside)).toMatchObject({ exit: 0, stdout: 'honest\n' })
  expect(compiled()).toEqual(before)
  expect(await runIn(desk, '.cache')).toMatchObject({ exit: 0, stdout: 'honest\n' })
  expect(existsSync(join(desk.home, '.cache/run-agent/compile'))).toBe(true)
})
