/**
 * Whether the body of a request is one GraphQL operation whose top-level fields are all listed. Hand-written, because
 * policy/ imports no package and because it must read less than a server does: what it does not know it refuses
 * (comments, block strings, aliases, fragments, directives at the top), so that no server finds more in the text.
 */

export interface GraphqlRule {
  readonly type: 'query' | 'mutation'
  readonly fields: ReadonlySet<string>
}

const BODY_KEYS: ReadonlySet<string> = new Set(['query', 'variables', 'operationName'])

/** Characters of a body, and of the document in it: the host decides in one go, and is deaf meanwhile. */
const BODY_LENGTH_MAX = 1024 * 1024
const DOCUMENT_LENGTH_MAX = 64 * 1024

type Read = { readonly tokens: readonly string[] } | { readonly why: string }

/** Of the body that was read last: all rules of a tool are asked about the same one. */
let lastRead: { readonly body: string; readonly read: Read } | undefined

/** Why the body is no operation that the rule lists; undefined where it is one. */
export function operationTrouble(
  rule: GraphqlRule,
  body: string | undefined,
  contentType: string | undefined,
): string | undefined {
  // A server that takes forms would look for its query elsewhere in the body.
  if (!/^application\/json(?:; ?charset=utf-8)?$/i.test(contentType ?? '')) return 'the body must be application/json'
  const text = body ?? ''
  if (lastRead?.body !== text) lastRead = { body: text, read: readBody(text) }
  const { read } = lastRead
  return 'why' in read ? read.why : documentTrouble(rule, read.tokens)
}

function readBody(body: string): Read {
  if (body.length > BODY_LENGTH_MAX) return { why: `the body has more than ${BODY_LENGTH_MAX} characters` }
  const query = queryOf(body)
  if (typeof query !== 'string') return query
  if (query.length > DOCUMENT_LENGTH_MAX) return { why: `its query has more than ${DOCUMENT_LENGTH_MAX} characters` }
  const tokens = tokensOf(query)
  return tokens === undefined
    ? { why: 'its query holds a comment, a block string or a character that is not read here' }
    : { tokens }
}

function queryOf(body: string): string | { readonly why: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return { why: 'the body is not JSON' }
  }
  if (Array.isArray(parsed)) return { why: 'a batch of operations is never granted' }
  if (typeof parsed !== 'object' || parsed === null) return { why: 'the body must be a JSON object' }
  const keys = Object.keys(parsed)
  if (keys.length !== topLevelPairs(body)) return { why: 'the body has a key twice' }
  if (!keys.every((key) => BODY_KEYS.has(key))) {
    return { why: 'the body may hold `query`, `variables` and `operationName` alone' }
  }
  const { query } = parsed as { readonly query?: unknown }
  return typeof query === 'string' ? query : { why: 'the body must hold the text of its `query`' }
}

/** Pairs of the outermost object of valid JSON as they are written: JSON.parse forgets those of a repeated key. */
function topLevelPairs(json: string): number {
  let pairs = 0
  let depth = 0
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at]!
    if (character === '"') at = stringEnd(json, at) - 1
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
    else if (character === ':' && depth === 1) pairs += 1
  }
  return pairs
}

/** The index behind the quote that closes the one at `start`; past the end where none does. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  return text.length + 1
}

/** A name, an ellipsis, a number or a punctuator, behind ignored characters; strings are read apart. */
const TOKEN = /[\t\n\r ,]*([A-Za-z_][A-Za-z0-9_]*|\.\.\.|[!$&()\-:=@[\]{|}"]|[0-9][0-9A-Za-z.+-]*)/y
const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** The tokens of a document, a string as its quote; undefined if it holds what this reader does not know. */
function tokensOf(document: string): readonly string[] | undefined {
  const tokens: string[] = []
  const end = document.trimEnd().length
  let at = 0
  while (at < end) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(document)?.[1]
    if (token === undefined) return undefined
    tokens.push(token)
    at = TOKEN.lastIndex
    if (token !== '"') continue
    const start = at - 1
    at = stringEnd(document, start)
    // A block string begins with three quotes; where it ends is not read alike everywhere.
    if (at > end || document.startsWith('"""', start) || /[\n\r]/.test(document.slice(start, at))) return undefined
  }
  return tokens
}

function documentTrouble(rule: GraphqlRule, tokens: readonly string[]): string | undefined {
  let at = 0
  const type = tokens[at] === '{' ? 'query' : tokens[at]
  if (type !== rule.type) return `its query must be one \`${rule.type}\``
  if (tokens[at] !== '{') at += isName(tokens[at + 1]) ? 2 : 1
  if (tokens[at] === '(') at = afterGroup(tokens, at)
  if (tokens[at] !== '{') return 'a directive on its operation is not granted'
  const end = afterGroup(tokens, at)
  if (end !== tokens.length) return 'its query must be one operation, well closed and without fragments of its own'
  return selectionTrouble(rule, tokens, at + 1, end - 1)
}

/** Of the tokens between the braces of the operation. */
function selectionTrouble(
  rule: GraphqlRule,
  tokens: readonly string[],
  start: number,
  end: number,
): string | undefined {
  if (start === end) return 'its query names no field'
  let at = start
  while (at < end) {
    const field = tokens[at]
    if (!isName(field)) return 'its top level must be fields, without fragments and directives'
    if (tokens[at + 1] === ':') return 'an alias at its top level is not granted'
    if (!rule.fields.has(field)) return `the field \`${field.slice(0, 60)}\` is not granted`
    at += 1
    if (tokens[at] === '(') at = afterGroup(tokens, at)
    if (tokens[at] === '{') at = afterGroup(tokens, at)
  }
  return undefined
}

/** The index behind the bracket that closes the one at `start`; past the end where none does. */
function afterGroup(tokens: readonly string[], start: number): number {
  const open: string[] = []
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at]!
    const closer = CLOSERS[token]
    if (closer !== undefined) open.push(closer)
    else if (')]}'.includes(token) && open.pop() !== token) return tokens.length + 1
    if (open.length === 0) return at + 1
  }
  return tokens.length + 1
}

function isName(token: string | undefined): token is string {
  return token !== undefined && /^[A-Za-z_]/.test(token)
}
