import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { tokenOf } from '../support/grant-attacks.ts'
import { makeChain, makeStore, tokenAction, WIDE, type GrantStore } from '../support/grant-store.ts'

const PROCESSES = 16
const TOKENS = 2000
const SCRIPT = join(import.meta.dirname, '../support/racing-consumers.ts')

/** How often each token was used. */
async function race(
  store: GrantStore,
  tool: string,
  how: string,
  { processes, tokens: count } = { processes: PROCESSES, tokens: TOKENS },
): Promise<readonly number[]> {
  const list = join(store.path, '..', 'tokens.json')
  const tokens = Array.from({ length: count }, (_, ordinal) => tokenOf(store, tool, tokenAction({ ordinal })))
  writeFileSync(list, JSON.stringify(tokens))
  const racers = Array.from({ length: processes }, () => {
    const args = ['--conditions=run-agent-checkout', SCRIPT, store.path, list, how]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return { child, lines, exited: once(child, 'exit') }
  })
  try {
    for (const { lines } of racers) expect((await lines.next()).value).toBe('ready')
    for (const { child } of racers) child.stdin.end()
    const used = Array.from({ length: count }, () => 0)
    for (const { lines, exited } of racers) {
      const answer: unknown = (await lines.next()).value
      for (const ordinal of JSON.parse(String(answer)) as readonly number[]) used[ordinal] = (used[ordinal] ?? 0) + 1
      expect((await exited)[0]).toBe(0)
    }
    return used
  } finally {
    for (const { child } of racers) child.kill('SIGKILL')
  }
}

const SLOW = { timeout: 180_000 }

test(`of ${TOKENS} tokens that ${PROCESSES} processes race for, each is used once`, SLOW, async () => {
  using store = makeStore()
  const bounded = { ...WIDE, usesMax: TOKENS }
  const { tool } = makeChain(store.grants, 'alice', {
    user: { authority: bounded },
    agent: { authority: { ...bounded, childDepth: 2 } },
    tool: { authority: { ...bounded, childDepth: 1 } },
  })
  const used = await race(store, tool, 'consume')
  expect(used.filter((times) => times !== 1)).toEqual([])
  const counted = store.database.prepare('SELECT uses FROM credential_grant WHERE depth < 3').pluck().all()
  expect(counted).toEqual([TOKENS, TOKENS, TOKENS])
})

test('negative control: who asks first and writes then uses some twice', SLOW, async () => {
  using store = makeStore()
  const used = await race(store, makeChain(store.grants).tool, 'select-then-update')
  expect(used.filter((times) => times > 1).length).toBeGreaterThan(0)
})

test('a level with fewer uses than there are tokens gives no more than it has', SLOW, async () => {
  using store = makeStore()
  const few = { ...WIDE, childDepth: 2, usesMax: 100 }
  const { tool } = makeChain(store.grants, 'alice', {
    agent: { authority: few },
    tool: { authority: { ...few, childDepth: 1 } },
  })
  const used = await race(store, tool, 'consume', { processes: 4, tokens: 400 })
  expect(used.filter((times) => times === 1)).toHaveLength(100)
  expect(used.filter((times) => times > 1)).toEqual([])
})
