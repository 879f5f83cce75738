/**
 * The one place that says whether a tool may do something. Pure, and a denial unless a rule of the grant permits.
 *
 * Of every path that a request names: is it a path, is it denied, is it git's own, is it protected, is it executed by
 * others or the agent's own, and only then: which rule permits it. Where facts say that links lead elsewhere, that
 * path passes the same questions.
 */
import { compiledGrant, spells, type CompiledGrant, type CompiledRule } from './compiled-grant.ts'
import { simpleFold } from './fold.ts'
import { decideHttp } from './decide-http.ts'
import type {
  CapabilityRequest,
  Decision,
  DenyReason,
  Facts,
  FileRequest,
  Grant,
  PathRight,
  Question,
  RulePlace,
} from './grant.ts'
import { couldMatchBelow, matches, matchesFolded, normalisePath } from './path-rule.ts'
import { executedByOthers, isGitInternal, protectedBy } from './protected-paths.ts'

/** What a link leads to is asked about by itself. */
export type EntryType = 'file' | 'directory' | 'other'

/**
 * One right that a request needs on one of its paths. `scope`: `exact`, a rule covers the path; `leads`, or covers
 * anything below it; `type`: what is made or deleted there; git's files can be read by `gitReads` alone.
 */
interface Need {
  readonly path: string
  readonly resolved: string | undefined
  readonly right: PathRight
  readonly scope: 'exact' | 'leads'
  readonly type?: 'file' | 'folder'
  readonly gitReads: 'content' | 'metadata' | 'never'
}

type Verdict =
  | { readonly kind: 'permit'; readonly rule: string; readonly place: RulePlace }
  | { readonly kind: 'deny'; readonly reason: DenyReason; readonly rule: string; readonly place?: RulePlace }

/** A request is asked about up to three times, and a tool often asks about one path again. */
export function decide(grant: Grant, request: Question, facts: Facts): Decision {
  const key = memoKey(request, facts)
  if (key === undefined) return decideAnew(grant, request, facts)
  const known = memo.get(grant) ?? new Map<string, Decision>()
  memo.set(grant, known)
  const before = known.get(key)
  if (before !== undefined) return before
  const decision = decideAnew(grant, request, facts)
  if (known.size >= MEMO_ENTRIES_MAX) known.clear()
  known.set(key, decision)
  return decision
}

const memo = new WeakMap<Grant, Map<string, Decision>>()
const MEMO_ENTRIES_MAX = 256
const MEMO_PATH_LENGTH_MAX = 512

/** All that a decision about one path rests on; undefined where it is not kept. */
function memoKey(request: Question, { resolved, isFolder }: Facts): string | undefined {
  if (!('path' in request) || request.path.length > MEMO_PATH_LENGTH_MAX) return undefined
  const kind = request.op === 'fs.delete' ? request.kind : undefined
  return JSON.stringify([request.op, request.path, kind, resolved, isFolder])
}

function decideAnew(grant: Grant, request: Question, facts: Facts): Decision {
  if (request.op === 'http') return decideHttp(grant, request, facts)
  if (request.op === 'timer') return { kind: 'permit', rule: 'timer', place: 'built in' }
  // There is an exchange only where its request was permitted.
  if (request.op === 'http.read' || request.op === 'http.close') {
    return { kind: 'permit', rule: 'the permitted exchange', place: 'built in' }
  }
  const compiled = compiledGrant(grant)
  const permits: Extract<Verdict, { kind: 'permit' }>[] = []
  for (const need of needsOf(request, facts)) {
    const verdict = judge(compiled, need)
    if (verdict.kind === 'deny') return { ...verdict, allowed: allowedBy(grant) }
    permits.push(verdict)
  }
  const rules = [...new Set(permits.map((permit) => permit.rule))]
  return { kind: 'permit', rule: rules.join(' and '), place: permits[0]!.place }
}

/** Whether a listing shows the entry: what may be read, and the folders that lead there. */
export function visible(grant: Grant, path: string, type: EntryType): boolean {
  const request: CapabilityRequest = type === 'directory' ? { op: 'fs.list', path } : { op: 'fs.read', path }
  return decide(grant, request, {}).kind === 'permit'
}

/** What a tool may do with files, in one sentence. */
export function allowedBy(grant: Grant): string {
  const parts: string[] = []
  for (const right of ['read', 'write', 'delete'] as const) {
    const patterns = grant.paths.filter((rule) => rule.right === right).map((rule) => rule.pattern)
    if (patterns.length > 0) parts.push(`${right}: ${patterns.join(', ')}`)
  }
  if (grant.git !== undefined) parts.push("read the repository's history")
  if (parts.length === 0) return `${grant.tool} has no right to any file`
  if (grant.deny.length > 0) parts.push(`never: ${grant.deny.map((rule) => rule.pattern).join(', ')}`)
  return `${grant.tool} may ${parts.join('; ')}`
}

function needsOf(request: FileRequest, facts: Facts): readonly Need[] {
  if (request.op === 'fs.rename') {
    const from = { path: request.from, resolved: facts.resolved, scope: 'exact', gitReads: 'never' } as const
    const to = { ...from, path: request.to, resolved: facts.resolvedTo }
    return [
      { ...from, right: 'read' },
      { ...from, right: 'delete' },
      { ...to, right: 'write' },
    ]
  }
  const on = { path: request.path, resolved: facts.resolved }
  switch (request.op) {
    case 'fs.read':
    case 'fs.readRange':
    case 'fs.readlink':
      return [{ ...on, right: 'read', scope: 'exact', gitReads: 'content' }]
    case 'fs.stat':
    case 'fs.list':
      // Only folders lead to what is granted; of anything else not even its existence is told.
      return [{ ...on, right: 'read', scope: facts.isFolder === false ? 'exact' : 'leads', gitReads: 'metadata' }]
    case 'fs.write':
      return [{ ...on, right: 'write', scope: 'exact', gitReads: 'never' }]
    case 'fs.mkdir':
      return [{ ...on, right: 'write', scope: 'leads', type: 'folder', gitReads: 'never' }]
    case 'fs.delete':
      return [{ ...on, right: 'delete', scope: 'exact', type: TYPES[request.kind], gitReads: 'never' }]
  }
}

const TYPES = { file: 'file', directory: 'folder' } as const

/** The named path first, then what it resolved to; a denial of the second alone came through a link. */
function judge(compiled: CompiledGrant, need: Need): Verdict {
  const named = judgePath(compiled, need, need.path)
  if (named.kind === 'deny' || need.resolved === undefined || need.resolved === need.path) return named
  const resolved = judgePath(compiled, need, need.resolved)
  if (resolved.kind === 'permit') return named
  return { ...resolved, reason: 'link', rule: `${resolved.rule}, through a link` }
}

function judgePath(compiled: CompiledGrant, need: Need, text: string): Verdict {
  const normalised = normalisePath(text)
  if (!normalised.ok) return { kind: 'deny', reason: 'bad-path', rule: `no such path: ${normalised.why}` }
  const { path } = normalised
  const denying = compiled.deny.find(({ glob }) => matchesFolded(glob, path))
  if (denying !== undefined) {
    const { pattern, place } = denying.rule
    return { kind: 'deny', reason: 'deny-rule', rule: `deny ${pattern}`, place }
  }
  const unlocked = isUnlocked(compiled, path)
  if (isGitInternal(path) && !unlocked) return judgeGit(compiled, need, path)
  const listed = unlocked ? undefined : protectedBy(path)
  if (listed !== undefined) return { kind: 'deny', reason: 'protected', rule: `protected ${listed}` }
  const covering = compiled.paths[need.right].filter(({ glob }) => covers(glob, path, need.scope))
  return need.right === 'read' ? judgeRead(compiled, need, path, covering) : judgeChange(compiled, need, path, covering)
}

function covers(glob: CompiledRule['glob'], path: string, scope: Need['scope']): boolean {
  return matches(glob, path) || (scope === 'leads' && couldMatchBelow(glob, path))
}

/** The root leads to the repository, and so is listed with `git: read` alone. */
function judgeRead(compiled: CompiledGrant, need: Need, path: string, covering: readonly CompiledRule[]): Verdict {
  const { git } = compiled.grant
  if (covering.length === 0 && path === '' && need.scope === 'leads' && git !== undefined) return gitPermit(git.place)
  return permitBy(covering)
}

function judgeChange(compiled: CompiledGrant, need: Need, path: string, covering: readonly CompiledRule[]): Verdict {
  const listed = executedByOthers(path, need.type)
  const spelling = covering.filter(({ spelled }) => listed.every((name) => spells(spelled, name)))
  if (listed.length > 0 && spelling.length === 0) {
    const patterns = [...new Set(listed.map(({ pattern }) => pattern))]
    return { kind: 'deny', reason: 'executed-by-others', rule: `executed by others: ${patterns.join(', ')}` }
  }
  if (!isOwn(compiled, path)) return permitBy(spelling)
  const naming = spelling.filter(({ glob }) => glob.literal === path)
  if (naming.length === 0) return { kind: 'deny', reason: 'own-file', rule: "the agent's own files" }
  return permitBy(naming)
}

function permitBy(covering: readonly CompiledRule[]): Verdict {
  const first = covering[0]
  if (first === undefined) return { kind: 'deny', reason: 'default-deny', rule: 'no rule permits it' }
  return { kind: 'permit', rule: `${first.rule.right} ${first.rule.pattern}`, place: first.rule.place }
}

function gitPermit(place: RulePlace): Verdict {
  return { kind: 'permit', rule: 'git: read', place }
}

/** What a reader of history needs; configuration, hooks, logs, the index and credentials are not among it. */
const GIT_FILES: ReadonlySet<string> = new Set(['HEAD', 'packed-refs', 'shallow'])
const GIT_FOLDERS: ReadonlySet<string> = new Set(['refs', 'objects'])

function judgeGit(compiled: CompiledGrant, need: Need, path: string): Verdict {
  const { git } = compiled.grant
  const [top, name, ...below] = path.split('/')
  if (git !== undefined && top === '.git' && need.gitReads !== 'never') {
    if (name === undefined && need.gitReads === 'metadata') return gitPermit(git.place)
    if (name !== undefined && GIT_FILES.has(name) && below.length === 0) return gitPermit(git.place)
    if (name !== undefined && GIT_FOLDERS.has(name) && !below.some(isGitInternal)) return gitPermit(git.place)
  }
  return { kind: 'deny', reason: 'git-internal', rule: 'the whole of .git' }
}

function isUnlocked(compiled: CompiledGrant, path: string): boolean {
  return (compiled.grant.allowProtected ?? []).some((root) => path === root || path.startsWith(`${root}/`))
}

function isOwn(compiled: CompiledGrant, path: string): boolean {
  return compiled.ownFiles.has(simpleFold(path))
}
