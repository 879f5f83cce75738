/** Whether a file is well formed: JavaScript and its relatives, JSON with and without comments, YAML. */
import { parse as parseBabel } from '@babel/parser'
import type { ParserOptions, ParserPlugin } from '@babel/parser'
import { parse as parseJsonc, printParseErrorCode } from 'jsonc-parser'
import type { ParseError } from 'jsonc-parser'
import { LineCounter, parseAllDocuments } from 'yaml'
import type { Finding, ReviewedFile } from './finding.ts'
import { code } from './markdown.ts'
import { isFixture } from './paths.ts'

/** A node of a syntax tree; what else it holds depends on its type. */
export interface SyntaxNode {
  readonly type: string
  readonly [key: string]: unknown
}

export type Parsed =
  | { readonly kind: 'program'; readonly program: SyntaxNode }
  | { readonly kind: 'data' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'broken'; readonly finding: Finding }

interface SyntaxProblem {
  readonly line: number
  readonly message: string
}

const COMMENTED_JSON = new RegExp(
  [
    '(?:^|/)(?:[tj]sconfig[^/]*\\.json|devcontainer\\.json|\\.?[a-z]*rc\\.json|[^/]*\\.code-workspace)$',
    '(?:^|/)\\.vscode/[^/]*\\.json$',
    '\\.jsonc$',
  ].join('|'),
  'i',
)

/** JSON5 is more than comments; only JSON and JSON with comments are checked. */
const JSON_FILE = /\.(?:json|jsonc|code-workspace|webmanifest)$/i

/** Templates that become YAML are not YAML. */
const YAML_TEMPLATE = /\{\{|\{%|<%/

/** Dialects in the order in which they are tried: a file is broken if it is well formed in none. */
function dialects(path: string): readonly ParserPlugin[][] {
  if (/\.d\.[cm]?ts$/i.test(path)) return [[['typescript', { dts: true }]]]
  if (/\.tsx$/i.test(path))
    return [
      ['typescript', 'jsx', 'decorators-legacy'],
      ['typescript', 'jsx', 'decorators'],
    ]
  if (/\.[cm]?ts$/i.test(path))
    return [
      ['typescript', 'decorators-legacy'],
      ['typescript', 'decorators'],
    ]
  return [
    ['jsx', 'decorators'],
    ['jsx', 'flow', 'decorators-legacy'],
    ['jsx', 'decorators-legacy'],
  ]
}

const COMMON: ParserOptions = {
  sourceType: 'unambiguous',
  errorRecovery: false,
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
  allowUndeclaredExports: true,
}

export function parseFile({ path, content }: ReviewedFile): Parsed {
  if (content === undefined) return { kind: 'unknown' }
  if (/\.[cm]?[jt]sx?$/i.test(path)) return parseProgram(path, content)
  const text = content.replace(/^\uFEFF/, '')
  if (JSON_FILE.test(path)) return outcome(path, 'JSON', content, jsonProblem(path, text))
  if (/\.ya?ml$/i.test(path)) {
    return YAML_TEMPLATE.test(text) ? { kind: 'unknown' } : outcome(path, 'YAML', content, yamlProblem(text))
  }
  return { kind: 'unknown' }
}

function outcome(path: string, language: string, content: string, problem: SyntaxProblem | undefined): Parsed {
  if (problem === undefined) return { kind: 'data' }
  // What is missing at the end is missed past the last line.
  const last = content.replace(/\n$/, '').split('\n').length
  return { kind: 'broken', finding: brokenAt(path, language, { ...problem, line: Math.min(problem.line, last) }) }
}

function brokenAt(path: string, language: string, { line, message }: SyntaxProblem): Finding {
  // A fixture may be broken on purpose.
  const severity = isFixture(path) ? 'Note' : 'Blocking'
  return { severity, path, line, message: `${language} does not parse: ${code(message)}` }
}

function parseProgram(path: string, content: string): Parsed {
  let first: SyntaxProblem | undefined
  for (const plugins of dialects(path)) {
    try {
      const { program } = parseBabel(content, { ...COMMON, plugins })
      return { kind: 'program', program: program as unknown as SyntaxNode }
    } catch (thrown) {
      first ??= problemOf(thrown)
    }
  }
  const language = /\.[cm]?tsx?$/i.test(path) ? 'TypeScript' : 'JavaScript'
  return outcome(path, language, content, first)
}

function problemOf(thrown: unknown): SyntaxProblem {
  const message = thrown instanceof Error ? thrown.message.replace(/ \(\d+:\d+\)$/m, '') : String(thrown)
  const place = typeof thrown === 'object' && thrown !== null && 'loc' in thrown ? thrown.loc : undefined
  const line = typeof place === 'object' && place !== null && 'line' in place ? Number(place.line) : 1
  return { line, message: message.split('\n')[0] ?? message }
}

function jsonProblem(path: string, text: string): SyntaxProblem | undefined {
  const errors: ParseError[] = []
  const commented = COMMENTED_JSON.test(path)
  parseJsonc(text, errors, { disallowComments: !commented, allowTrailingComma: commented, allowEmptyContent: false })
  const [error] = errors
  if (error === undefined) return undefined
  const line = text.slice(0, error.offset).split('\n').length
  const words = printParseErrorCode(error.error)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return { line, message: words }
}

function yamlProblem(text: string): SyntaxProblem | undefined {
  const lineCounter = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, logLevel: 'silent' })
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors
    if (error !== undefined)
      return { line: lineCounter.linePos(error.pos[0]).line, message: error.message.split('\n')[0] ?? '' }
  }
  return undefined
}
