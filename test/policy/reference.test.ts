/**
 * Ten thousand random definitions, each asked several questions. What `can` answers, what the broker of a run does
 * with a real workspace, and a decision written independently of ours must agree.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBroker } from '../../runtime/broker/broker.ts'
import { openWorkspace } from '../../runtime/broker/workspace.ts'
import { createWorldPerform } from '../../runtime/broker/world.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { ProblemsError } from '../../runtime/errors.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest, Grant } from '../../runtime/policy/grant.ts'
import { memoryRecorder } from '../support/provider-imitation.ts'
import { referencePermits, type ReferenceRight, type ReferenceTool } from '../support/reference-decision.ts'
import { NO_WEB } from '../support/no-web.ts'
import { REAL_CLOCK } from '../support/trail.ts'

const DEFINITIONS = 10_000
const OWN = ['agents/a.yaml', 'agents/t.ts']

const NAMES = ['a', 'b', 'ab', 'src', 'SRC', 'x.md', 'y.ts', '.hidden', 'docs'] as const
const SPECIAL = [
  '.env',
  '.ENV',
  '.env.local',
  '.env.example',
  'k.pem',
  'id_rsa',
  '.npmrc',
  '.ssh',
  'package.json',
  'Makefile',
  '.github',
  'AGENTS.md',
  '.git',
  'HEAD',
  'config',
  'refs',
  'agents',
  'a.yaml',
  't.ts',
] as const
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 3, arbitrary: fc.constantFrom(...SPECIAL) },
)
const wild = fc.constantFrom(
  '*',
  '*',
  '**',
  '?',
  '*.md',
  'a*',
  '*b',
  '??',
  '{a,b}',
  '{src,docs}',
  '.*',
  'x.{md,ts}',
  's?c',
)
const pattern = fc
  .array(fc.oneof({ weight: 3, arbitrary: name }, { weight: 2, arbitrary: wild }), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))
const patterns = (maxLength: number) => fc.uniqueArray(pattern, { maxLength })
const tool: fc.Arbitrary<ReferenceTool> = fc.record({
  read: patterns(3),
  write: patterns(3),
  delete: patterns(2),
  deny: patterns(2),
  git: fc.boolean(),
})
const path = fc
  .array(fc.oneof({ weight: 12, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom('..', '.') }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('/'))
const right = fc.constantFrom<ReferenceRight>('read', 'write', 'delete')

function textOf(reference: ReferenceTool): string {
  const list = (key: 'read' | 'write' | 'delete' | 'deny'): readonly string[] =>
    reference[key].length === 0 ? [] : [`${key}: [${reference[key].map((rule) => JSON.stringify(rule)).join(', ')}]`]
  const parts = ['from: ./t.ts', ...list('read'), ...list('write'), ...list('delete'), ...list('deny')]
  if (reference.git) parts.push('git: read')
  return `name: a\nscript: ./a.ts\ntools:\n  t: { ${parts.join(', ')} }\n`
}

/** Undefined for a definition that is refused: a rule without effect, a deny without anything to deny. */
function grantOf(reference: ReferenceTool): Grant | undefined {
  try {
    const entry = parseDefinition({ file: 'a.yaml', text: textOf(reference) }).tools[0]!
    const { paths, deny, git, http, redirects, headers } = entry
    return { tool: 't', paths, deny, git, http, redirects, headers, ownFiles: OWN }
  } catch (error) {
    if (error instanceof ProblemsError) return undefined
    throw error
  }
}

function askOf(verb: ReferenceRight, path: string): CapabilityRequest {
  if (verb === 'read') return { op: 'fs.read', path }
  if (verb === 'write') return { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' }
  return { op: 'fs.delete', path, kind: 'file' }
}

/** A path that one of the tool's own rules would match, more often than not. */
function likelyPath(reference: ReferenceTool, verb: ReferenceRight, pick: number): string | undefined {
  const rules = [...reference[verb], ...reference.deny]
  const rule = rules[pick % Math.max(1, rules.length)]
  return rule
    ?.replaceAll('**', pick % 2 === 0 ? 'a/b' : 'src')
    .replaceAll('*', pick % 3 === 0 ? '' : 'z')
    .replaceAll('?', 'r')
    .replaceAll(/\{([^,}]*),[^}]*\}/g, '$1')
    .replaceAll(/\/{2,}/g, '/a/')
    .replace(/^\/|\/$/g, 'a')
}

test('`can`, the broker and an independent decision agree on 10,000 random definitions', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-reference-'))
  const workspace = openWorkspace(nodeFileHost, folder)
  const recorder = memoryRecorder()
  const broker = createBroker(recorder, createWorldPerform(workspace, REAL_CLOCK, NO_WEB))
  const tally = { definitions: 0, permitted: 0, denied: 0, refused: 0 }
  let call = 0
  /** What a run would do: whether the tool was given what it asked for. The workspace is made to hold it first. */
  const performed = async (grant: Grant, request: CapabilityRequest): Promise<boolean> => {
    if ('path' in request && !/(?:^|\/)\.\.?(?:\/|$)/.test(request.path)) {
      const at = join(folder, request.path)
      mkdirSync(dirname(at), { recursive: true })
      if (request.op !== 'fs.write') writeFileSync(at, 'x')
    }
    let outcome: { readonly ok: boolean; readonly error?: { readonly code?: string } } | undefined
    const place = { call: `call_${call++}`, ordinal: 0, ended: new AbortController().signal }
    await broker.serve(place, grant, request, (served) => (outcome = served.outcome))
    for (const top of readdirSync(folder)) rmSync(join(folder, top), { recursive: true })
    recorder.events.length = 0
    return outcome?.ok === true || outcome?.error?.code !== 'E_DENIED'
  }
  try {
    const questions = fc.array(fc.tuple(right, path, fc.nat(50)), { minLength: 4, maxLength: 4 })
    const check = async (reference: ReferenceTool, asked: [ReferenceRight, string, number][]): Promise<void> => {
      const grant = grantOf(reference)
      if (grant === undefined) return void (tally.refused += 1)
      tally.definitions += 1
      for (const [verb, somewhere, pick] of asked) {
        const where = pick % 3 === 0 ? somewhere : (likelyPath(reference, verb, pick) ?? somewhere)
        const request = askOf(verb, where)
        const expected = referencePermits(reference, verb, where, OWN)
        const context = `${verb} ${where}\n${textOf(reference)}`
        expect(decide(grant, request, {}).kind === 'permit', context).toBe(expected)
        tally[expected ? 'permitted' : 'denied'] += 1
        // The disk is asked for a part: it is a thousand times slower.
        if (pick % 25 === 0) expect(await performed(grant, request), context).toBe(expected)
      }
    }
    while (tally.definitions < DEFINITIONS) {
      const missing = DEFINITIONS - tally.definitions
      await fc.assert(fc.asyncProperty(tool, questions, check), {
        numRuns: Math.max(200, missing),
        endOnFailure: false,
      })
    }
  } finally {
    workspace[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  // Both answers must have been put to the proof.
  expect(tally.permitted).toBeGreaterThan(DEFINITIONS / 4)
  expect(tally.denied).toBeGreaterThan(DEFINITIONS / 4)
}, 120_000)
