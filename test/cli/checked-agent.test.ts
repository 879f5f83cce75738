/** What was looked at is what is used, whatever changes in between. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withProtected } from '../../runtime/cli/checked-agent.ts'
import { assertLocked } from '../../runtime/cli/lock-command.ts'
import { EMPTY_CONFIG, type OperatorConfig } from '../../runtime/definition/config.ts'
import { readDefinition, type DefinitionPlace } from '../../runtime/load-agent.ts'
import { agentParts, digestOf, lockText, makeLock, type AgentParts } from '../../runtime/lock.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { lockedRights } from '../../runtime/rights.ts'
import { makeTree } from '../support/tree.ts'

const place = (folder: string): DefinitionPlace => ({ folder, name: 'a.yaml', shown: 'a.yaml' })
const parts = (hash: string): AgentParts => new Map([['definition', hash]])
const locks = (...hashes: readonly string[]): OperatorConfig => ({
  ...EMPTY_CONFIG,
  protected: hashes.map((hash) => ({ agent: { lock: digestOf(parts(hash)) }, path: `${hash}.pem` })),
})

describe('withProtected()', () => {
  test('gives a path that is granted to a lock to that lock alone, and loads again with what is left', async () => {
    const granted: (readonly string[])[] = []
    const load = async (paths: readonly string[]): Promise<{ parts: AgentParts }> => {
      granted.push(paths)
      return { parts: parts('one') }
    }
    await withProtected(locks('one', 'two'), place('/nowhere'), load)
    expect(granted).toEqual([['one.pem', 'two.pem'], ['one.pem']])
    await withProtected(locks('one'), place('/nowhere'), load)
    expect(granted.slice(2)).toEqual([['one.pem']])
  })

  test('refuses an agent that becomes another one between two readings', async () => {
    let reads = 0
    const load = async (): Promise<{ parts: AgentParts }> => ({ parts: parts(['one', 'two'][reads++] ?? '') })
    const loading = withProtected(locks('one', 'two'), place('/nowhere'), load)
    await expect(loading).rejects.toThrow('a.yaml changed while it was read')
  })
})

const AS_READ = { allowProtected: [], networks: [] }

describe('assertLocked()', () => {
  test('holds for the bytes that were loaded, and for no others that lie there now', async () => {
    using tree = makeTree(['a.yaml=name: a\nscript: ./s.ts\n'])
    const loaded = await readDefinition(nodeFileHost, place(tree.path))
    const made = agentParts(loaded.definition, loaded.hash, '0'.repeat(64), () => undefined)
    writeFileSync(join(tree.path, 'a.lock'), lockText(makeLock(made, lockedRights(loaded.definition))))
    await expect(assertLocked(place(tree.path), made, AS_READ)).resolves.toBeUndefined()
    writeFileSync(join(tree.path, 'a.yaml'), 'name: a\nscript: ./s.ts # other bytes\n')
    await expect(assertLocked(place(tree.path), made, AS_READ)).rejects.toThrow('changed while it was read')
  })
})
