/**
 * Packages as they are, in a tool: the real bundler, a real sandbox process, real files behind the real policy. What
 * a tool returns is held against the same file run in plain Node on an equal workspace.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { nodeClock } from '../../runtime/node-processes.ts'
import { GUEST_MODULES } from '../../runtime/sandbox/guest/platform-parts.ts'
import { bundleFolder } from '../support/bundling.ts'
import { runTool } from '../support/run-tool.ts'
import { callOf, openSandbox, play, valueOf } from '../support/sandbox.ts'
import { workspaceAnswer } from '../support/workspace-answer.ts'
import { makeWorkspace } from './fixtures.ts'

// The sandbox's zone, and so that of its dates.
process.env['TZ'] = 'UTC'

const folder = fileURLToPath(new URL('tools', import.meta.url))
const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

const EVERYTHING = ['**', '**/.git', '**/.git/**']

async function inTool(name: string, dir: string): Promise<unknown> {
  const { code, hash } = await bundleFolder(folder, `./${name}.ts`, { guestModules: GUEST_MODULES, clock: nodeClock })
  const call = callOf(
    { hash, name: `${name}.ts`, source: code },
    { now: Date.now(), limits: { wallMs: 20_000, cpuMs: 20_000 } },
  )
  const rights = { read: EVERYTHING, write: EVERYTHING, delete: EVERYTHING, allowProtected: ['.git', 'fresh/.git'] }
  return valueOf(await play(sandbox, call, workspaceAnswer(dir, rights)))
}

async function inNode(name: string, dir: string): Promise<unknown> {
  const module: { readonly default: unknown } = await import(`./tools/${name}.ts`)
  return await runTool(module.default, {}, dir)
}

test.each([
  'ajv',
  'cheerio',
  'csv-parse',
  'date-fns',
  'fast-xml-parser',
  'handlebars',
  'isomorphic-git',
  'isomorphic-git-write',
  'lodash-es',
  'luxon',
  'marked',
  'mustache',
  'yaml',
  'zod',
])('%s does in a tool what it does in Node', async (name) => {
  const [workspace, twin] = [makeWorkspace(), makeWorkspace()]
  try {
    const value = await inTool(name, workspace.dir)
    const expected = await inNode(name, twin.dir)
    // Two workspaces are made one after the other, and commits carry their second.
    if (name === 'isomorphic-git') expect(await inNode(name, workspace.dir)).toEqual(value)
    else expect(value).toEqual(expected)
    if (name.startsWith('isomorphic-git')) expect(Object.keys(Object(value)).length).toBeGreaterThan(4)
  } finally {
    workspace.remove()
    twin.remove()
  }
})
