/** What was looked at is what is used, whatever changes in between. */
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withProtected } from '../../runtime/cli/checked-agent.ts'
import { definitionPlace, readEnvironment } from '../../runtime/cli/environment.ts'
import { assertLocked } from '../../runtime/cli/lock-command.ts'
import { EMPTY_CONFIG, type OperatorConfig } from '../../runtime/definition/config.ts'
import { readDefinition, type DefinitionPlace } from '../../runtime/read-definition.ts'
import { agentParts, digestOf, lockText, makeLock, type AgentParts } from '../../runtime/lock.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { lockedRights } from '../../runtime/rights.ts'
import { makeTree } from '../support/tree.ts'

const place = (folder: string): DefinitionPlace => ({
  folder,
  named: folder,
  name: 'a.yaml',
  shown: 'a.yaml',
  realPath: `${folder}/a.yaml`,
})
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

describe('definitionPlace()', () => {
  const FILES = ['good/a.yaml=name: good', 'evil/a.yaml=name: evil', 'named => evil']
  const named = (tree: { readonly path: string }, path: string): DefinitionPlace =>
    definitionPlace({ ...readEnvironment(), currentFolder: tree.path }, path)

  test.each<[string, (tree: string) => void]>([
    ['its file', (tree) => replaceWithLink(join(tree, 'evil/a.yaml'), '../good/a.yaml')],
    ['the link to its folder', (tree) => replaceWithLink(join(tree, 'named'), 'good')],
    [
      'its folder',
      (tree) => {
        renameSync(join(tree, 'evil'), join(tree, 'gone'))
        symlinkSync('good', join(tree, 'evil'))
      },
    ],
  ])('knows a definition by what it was when it was named, though %s becomes a link to another', (_what, swap) => {
    using tree = makeTree(FILES)
    const place = named(tree, 'named/a.yaml')
    swap(tree.path)
    expect(place).toMatchObject({ realPath: join(tree.path, 'evil/a.yaml'), folder: join(tree.path, 'evil') })
    // The control: who looks later finds the other.
    expect(nodeFileHost.realPath(join(tree.path, 'named/a.yaml'))).toBe(join(tree.path, 'good/a.yaml'))
  })

  test('reads no other one than it knows, where a link beside it is swapped', async () => {
    using tree = makeTree([
      'good/a.yaml=name: good\nscript: ./s.ts\n',
      'good/evil.yaml=name: evil\n',
      'good/l.yaml => a.yaml',
    ])
    const place = named(tree, 'good/l.yaml')
    expect((await readDefinition(nodeFileHost, place)).definition.name).toBe('good')
    replaceWithLink(join(tree.path, 'good/l.yaml'), 'evil.yaml')
    await expect(readDefinition(nodeFileHost, place)).rejects.toThrow('good/l.yaml changed while it was read')
  })

  test('knows none that a link leads to from another folder', () => {
    using tree = makeTree([...FILES, 'evil/b.yaml => ../good/a.yaml', 'good/c.yaml => a.yaml'])
    expect(named(tree, 'evil/b.yaml').realPath).toBeUndefined()
    expect(named(tree, 'good/c.yaml').realPath).toBe(join(tree.path, 'good/a.yaml'))
  })
})

function replaceWithLink(path: string, target: string): void {
  rmSync(path)
  symlinkSync(target, path)
}

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
