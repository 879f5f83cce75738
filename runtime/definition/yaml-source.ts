/**
 * YAML as this project accepts it: one document of the 1.2 core schema without anchors, aliases, tags or
 * directives. The bounds hold before the library's recursive composer sees the text.
 */

import { CST, Lexer, parseDocument } from 'yaml'
import type { Node } from 'yaml'
import { DEFINITION_BYTES_MAX, DEFINITION_DEPTH_MAX, DEFINITION_TOKENS_MAX } from '../limits.ts'
import { printable } from '../printable.ts'
import { ProblemList, type FileKind } from './problem-list.ts'

export interface YamlSource {
  /** Undefined for a text that holds nothing but comments. */
  readonly root: Node | undefined
  readonly problems: ProblemList
}

/** Throws ProblemsError for what is no such YAML; aliases and their like are only noted, so that reading goes on. */
export function parseYaml(kind: FileKind, file: string, input: string | Uint8Array): YamlSource {
  const problems = new ProblemList(kind, file, decode(kind, file, input))
  checkCharacters(problems)
  problems.throwIfAny()
  checkTokens(problems)
  // `uniqueKeys` compares every key with every other; node-reader.ts finds duplicates with a set.
  const document = parseDocument(problems.text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
  })
  const mistakes = [...document.errors, ...document.warnings].filter(({ code }) => code !== 'TAG_RESOLVE_FAILED')
  if (mistakes.length > 0) {
    for (const mistake of mistakes) {
      const offset = Math.min(Math.max(mistake.pos[0], 0), problems.text.length)
      if (mistake.code === 'MULTIPLE_DOCS') problems.add(offset, 'only one YAML document is allowed in a file')
      else problems.add(offset, `not valid YAML: ${mistake.message}`)
    }
    throw problems.error()
  }
  return { root: document.contents ?? undefined, problems }
}

function decode(kind: FileKind, file: string, input: string | Uint8Array): string {
  const tooLarge = typeof input === 'string' ? utf8LengthExceeds(input) : input.byteLength > DEFINITION_BYTES_MAX
  if (tooLarge) throw failure(kind, file, '', `the file is larger than ${DEFINITION_BYTES_MAX / 1024} KiB`)
  if (typeof input === 'string') {
    if (!input.isWellFormed()) throw failure(kind, file, '', 'the file is not valid Unicode')
    return input.startsWith('\ufeff') ? input.slice(1) : input
  }
  try {
    // A byte order mark at the start is dropped: it changes nothing in UTF-8, and editors hide it.
    return new TextDecoder('utf-8', { fatal: true }).decode(input)
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    const before = new TextDecoder('utf-8').decode(input)
    throw failure(kind, file, before.slice(0, before.indexOf('\ufffd')), 'the file is not UTF-8 text')
  }
}

/** An error at the end of `before`. */
function failure(kind: FileKind, file: string, before: string, message: string): Error {
  const problems = new ProblemList(kind, file, before)
  problems.add(before.length, message)
  return problems.error()
}

function utf8LengthExceeds(text: string): boolean {
  return text.length > DEFINITION_BYTES_MAX || new TextEncoder().encode(text).byteLength > DEFINITION_BYTES_MAX
}

/** Controls other than tab and line break, and what reorders or breaks lines for the eye but not for the parser. */
// oxlint-disable-next-line no-control-regex
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\r(?!\n)/g

export function checkCharacters(problems: ProblemList): void {
  for (const match of problems.text.matchAll(FORBIDDEN)) {
    problems.add(match.index, `the character ${printable(match[0])} is not allowed`)
  }
}

const REFUSED_TOKENS: Readonly<Record<string, string>> = {
  alias: 'YAML aliases are not allowed; write the value again',
  anchor: 'YAML anchors are not allowed; write the value again',
  tag: 'YAML tags are not allowed',
  'directive-line': 'YAML directives are not allowed',
}

/** Throws if the text is too long or too deep to be composed; notes what is refused token by token. */
function checkTokens(problems: ProblemList): void {
  let offset = 0
  let count = 0
  let flowDepth = 0
  let lineDepth = 0
  let isScalarNext = false
  for (const token of new Lexer().lex(problems.text)) {
    // Each escape may become an error of its own.
    count += token.startsWith('"') ? token.split('\\').length : 1
    if (count > DEFINITION_TOKENS_MAX) {
      problems.add(offset, `the file holds more than ${DEFINITION_TOKENS_MAX} YAML tokens`)
      throw problems.error()
    }
    const isScalar = isScalarNext
    isScalarNext = token === CST.SCALAR
    // Marks of the lexer that stand for no character; checkCharacters has refused the real ones.
    if (token === CST.SCALAR || token === CST.DOCUMENT || token === CST.FLOW_END) continue
    const type = isScalar ? null : CST.tokenType(token)
    if (type === 'newline') lineDepth = 0
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') lineDepth++
    else if (type === 'flow-map-start' || type === 'flow-seq-start') flowDepth++
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flowDepth = Math.max(0, flowDepth - 1)
    if (flowDepth > DEFINITION_DEPTH_MAX || lineDepth > DEFINITION_DEPTH_MAX) {
      problems.add(offset, `the file is nested deeper than ${DEFINITION_DEPTH_MAX} levels`)
      throw problems.error()
    }
    const refused = type === null ? undefined : REFUSED_TOKENS[type]
    if (refused !== undefined) problems.add(offset, refused)
    offset += token.length
  }
}
