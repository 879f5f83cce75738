/**
 * A second process swaps a folder and a link out of the root as fast as it can. The walker leaks nothing; the way
 * that most programs do it, which compares the real path and then opens, leaks within the same harness.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createWalker } from '../../runtime/broker/walker.ts'
import { openWorkspace } from '../../runtime/broker/workspace.ts'
import { performFile } from '../../runtime/broker/files.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'
import { makeTree, type Tree } from '../support/tree.ts'

const OPENS = 300_000
const NAIVE_TIME_MS = 20_000
const WRITES = 2_000

let tree: Tree
let root: string
let swapper: ChildProcess

beforeAll(async () => {
  tree = makeTree(['root/d/f=inside', 'root/link => ../out', 'out/f=outside', 'out/w=outside'])
  root = join(tree.path, 'root')
  swapper = fork(join(import.meta.dirname, '../support/swap-directory.js'), [root], { execArgv: [] })
  await once(swapper, 'message')
})

afterEach(async () => {
  await setTimeout(50)
  expect(swapper.exitCode).toBeNull()
})

afterAll(async () => {
  const gone = once(swapper, 'exit')
  swapper.disconnect()
  await gone
  tree[Symbol.dispose]()
})

test('control: comparing the real path and opening the path leaks', () => {
  const end = performance.now() + NAIVE_TIME_MS
  let leaks = 0
  while (leaks === 0 && performance.now() < end) {
    for (let turn = 0; turn < 1000; turn++) if (readNaively('d/f') === 'outside') leaks += 1
  }
  expect(leaks).toBeGreaterThan(0)
})

test(`the walker leaks nothing in ${OPENS} opens`, { timeout: 120_000 }, () => {
  using walker = createWalker(nodeFileHost, root)
  const seen = { inside: 0, refused: 0, leaks: 0 }
  for (let turn = 0; turn < OPENS; turn++) {
    try {
      const text = Buffer.from(walker.readConfined('d/f', 100)).toString()
      if (text === 'inside') seen.inside += 1
      else seen.leaks += 1
    } catch {
      seen.refused += 1
    }
  }
  expect(seen.leaks).toBe(0)
  expect(seen.inside).toBeGreaterThan(1000)
  expect(seen.refused).toBeGreaterThan(1000)
})

test('no write lands outside', { timeout: 60_000 }, () => {
  const grant = grantOf({ write: ['**'] })
  const request = {
    op: 'fs.write',
    path: 'd/w',
    data: Buffer.from('written'),
    how: 'replace',
  } as const satisfies CapabilityRequest
  using workspace = openWorkspace(nodeFileHost, root)
  let written = 0
  for (let turn = 0; turn < WRITES; turn++) {
    const { outcome } = performFile(workspace, grant, request, (facts) => decide(grant, request, facts))
    if (outcome.ok) written += 1
  }
  expect(written).toBeGreaterThan(10)
  expect(readFileSync(join(tree.path, 'out/w'), 'utf8')).toBe('outside')
})

function readNaively(path: string): string {
  try {
    const real = realpathSync(join(root, path))
    if (!real.startsWith(`${root}/`)) return 'refused'
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return 'refused'
  }
}
