/**
 * What would turn a denial into a permission, step by step, each step proven by asking `decide` again. Nothing is
 * proposed that would not help; where nothing can, it says why.
 */
import { BUILTIN_TOOLS, type BuiltinTool } from './definition/builtin-tools.ts'
import type { CheckedTool } from './effective-rights.ts'
import { decide } from './policy/decide.ts'
import type { Decision, Grant, HttpRule, PathRight, Question } from './policy/grant.ts'
import { escapeGlob, normalisePath } from './policy/path-rule.ts'

export interface WayOut {
  /** Whether the steps together permit it. */
  readonly possible: boolean
  /** In words; where it is not possible, the last says why. */
  readonly steps: readonly string[]
}

interface Step {
  readonly words: string
  readonly grant: Grant
}

type Denial = Extract<Decision, { kind: 'deny' }>

/** Unlock, stop denying, grant: each helps against one kind of denial, and no denial has more of them. */
const STEPS_MAX = 8

/** `definitionFile`: absolute. */
export function whatWouldAllow(tool: CheckedTool, question: Question, definitionFile: string): WayOut {
  const steps: string[] = []
  let { grant } = tool
  for (let count = 0; count < STEPS_MAX; count++) {
    const decision = decide(grant, question, {})
    if (decision.kind === 'permit') return { possible: true, steps }
    const step = stepAgainst(decision, { ...tool, grant }, question, definitionFile)
    if (typeof step === 'string') return { possible: false, steps: [...steps, step] }
    steps.push(step.words)
    grant = step.grant
  }
  return { possible: false, steps: ['no line of the definition permits it'] }
}

/** Why nothing helps, or what does. */
function stepAgainst(denial: Denial, tool: CheckedTool, question: Question, definitionFile: string): Step | string {
  if (question.op === 'http') return httpStep(denial, tool, question)
  const right = rightOf(question)
  const path = 'path' in question ? normalisePath(question.path) : undefined
  if (right === undefined || path?.ok !== true) return `nothing can: ${denial.rule}`
  switch (denial.reason) {
    case 'deny-rule':
      return liftedDeny(denial, tool)
    case 'protected':
      return unlocked(tool, path.path, definitionFile)
    case 'git-internal':
      return historyStep(tool, question) ?? unlocked(tool, path.path, definitionFile)
    case 'default-deny':
    case 'executed-by-others':
    case 'own-file':
      return ruleStep(denial, tool, right, path.path)
    case 'bad-path':
    case 'bad-url':
    case 'address':
    case 'redirect':
    case 'header':
    case 'credential':
    case 'link':
      return `nothing can: ${denial.rule}`
  }
}

function rightOf(question: Question): PathRight | undefined {
  if (question.op === 'fs.read') return 'read'
  if (question.op === 'fs.write') return 'write'
  return question.op === 'fs.delete' ? 'delete' : undefined
}

function ruleStep(denial: Denial, { entry, grant }: CheckedTool, right: PathRight, path: string): Step | string {
  const { from, name } = entry
  const needs: BuiltinTool['needs'] = from.kind === 'builtin' ? BUILTIN_TOOLS[from.tool].needs : [right]
  if (!needs.includes(right)) return `nothing can: ${name} never needs to ${right}, so give another tool that right`
  const pattern = escapeGlob(path === '' ? '**' : path)
  const rules = grant.paths.filter((rule) => rule.right === right)
  // What is spelled in full is what a rule must be for the two lists; a rule that is there already says no more.
  if (rules.some((rule) => rule.pattern === pattern)) return `nothing can: ${denial.rule}`
  const list = [...rules.map((rule) => rule.pattern), pattern].map((text) => JSON.stringify(text)).join(', ')
  const [first] = rules
  const where = first === undefined ? `to ${name} (${entry.place}), add` : `in ${name} (${first.place}), make it`
  const why =
    { 'executed-by-others': ', spelled in full', 'own-file': ', spelled in full' }[String(denial.reason)] ?? ''
  return {
    words: `${where} ${right}: [${list}]${why}`,
    grant: { ...grant, paths: [...grant.paths, { right, pattern, place: 'proposed' }] },
  }
}

/** Rules of ours deny run-agent's own configuration, state and caches, and stand in no definition. */
const OWN_PLACE = 'run-agent'

function liftedDeny(denial: Denial, { entry, grant }: CheckedTool): Step | string {
  const denying = grant.deny.find(({ pattern }) => `deny ${pattern}` === denial.rule)
  if (denying === undefined || denying.place === OWN_PLACE) {
    return "nothing can: run-agent's own configuration, state and caches are never granted"
  }
  return {
    words: `in ${entry.name}, take ${JSON.stringify(denying.pattern)} out of deny (${denying.place})`,
    grant: { ...grant, deny: grant.deny.filter((rule) => rule !== denying) },
  }
}

function historyStep({ entry, grant }: CheckedTool, question: Question): Step | undefined {
  const granted: Grant = { ...grant, git: { access: 'read', place: 'proposed' } }
  const needs: BuiltinTool['needs'] = entry.from.kind === 'builtin' ? BUILTIN_TOOLS[entry.from.tool].needs : ['git']
  if (grant.git !== undefined || !needs.includes('git') || decide(granted, question, {}).kind === 'deny') {
    return undefined
  }
  return { words: `to ${entry.name} (${entry.place}), add git: read, which is the whole history`, grant: granted }
}

/** No definition can: who runs it does, or the operator for this definition alone. */
function unlocked({ grant }: CheckedTool, path: string, definitionFile: string): Step {
  const entry = `{ agent: { from: ${JSON.stringify(definitionFile)} }, path: ${JSON.stringify(path)} }`
  return {
    words: `run with --allow-protected ${shellWord(path)}, or in the operator's configuration: protected: [${entry}]`,
    grant: { ...grant, allowProtected: [...(grant.allowProtected ?? []), path] },
  }
}

function httpStep(
  denial: Denial,
  { entry, grant }: CheckedTool,
  { method, url }: Extract<Question, { op: 'http' }>,
): Step | string {
  const { from, name, place } = entry
  if (denial.reason === 'bad-url') return `nothing can: ${denial.rule}`
  if (from.kind === 'request') return `nothing but another request: ${name} (${place}) has no code and makes one alone`
  if (from.kind === 'builtin' && !['fetch_url', 'download_file'].includes(from.tool)) {
    return `nothing can: ${name} never needs a URL, so give another tool that right`
  }
  const byOperation = operationRule(grant, method, url)
  if (byOperation !== undefined) {
    const [, part = ''] = GRAPHQL_PART.exec(byOperation.rule) ?? []
    return `the answer depends on the operation: ${name} (${byOperation.place}) may ${method} there, without a query in the URL, for ${part} alone`
  }
  const rule = `${method} ${url}`
  const proposed: Grant = { ...grant, http: [...grant.http, { rule, place: 'proposed' }] }
  if (!permits(proposed, { op: 'http', method, url })) return 'no rule of the grammar permits exactly this request'
  const list = [...grant.http.map((granted) => granted.rule), rule].map((text) => JSON.stringify(text)).join(', ')
  return { words: `to ${name} (${place}), write http: [${list}]`, grant: proposed }
}

const GRAPHQL_PART = / (\{.*\})$/

/** A rule whose GraphQL part alone stands against it; the bare URL beside that rule would undo the part. */
function operationRule(grant: Grant, method: string, url: string): HttpRule | undefined {
  const question: Question = { op: 'http', method, url: url.replace(/\?.*/, '') }
  return grant.http.find(({ rule, place }) => {
    const bare = rule.replace(GRAPHQL_PART, '')
    return bare !== rule && permits({ ...grant, http: [{ rule: bare, place }] }, question)
  })
}

/** A URL that was asked for need not be a rule: one with `{` in its path is none. */
function permits(grant: Grant, question: Question): boolean {
  try {
    return decide(grant, question, {}).kind === 'permit'
  } catch {
    return false
  }
}

function shellWord(text: string): string {
  return /^[\w./@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
