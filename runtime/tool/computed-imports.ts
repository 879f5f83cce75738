/**
 * esbuild answers `import('./' + name)` by listing folders of the disk, without asking any plugin: with `../` any
 * folder, whatever the module's namespace. So no such call may reach its bundler.
 *
 * A cheap scan, which may suspect too much and never too little, finds the files that could hold one. Those are
 * printed again by esbuild's transform, which has no file system: no comments, no escapes, no TypeScript. That text
 * is parsed, and each computed name is wrapped as `(0, name)`, which esbuild leaves to the run.
 */

import type * as Esbuild from 'esbuild'

/** Where the first suspect stands, as an offset into the text, or undefined if there is none. */
export function findSuspect(text: string): number | undefined {
  // `require` may be spelled with escapes; nobody honest escapes its letters.
  const escaped = text.search(/\\u(?:00[67]|\{0*[67][0-9A-Fa-f]\})/)
  if (escaped !== -1) return escaped
  for (const match of text.matchAll(/\b(?:import|require|module)\b/g)) {
    if (isSuspect(match[0], text, match.index + match[0].length)) return match.index
  }
  return undefined
}

const PLAIN_CALL = /\s*\(\s*(?:(?:'[^'\\\n]*'|"[^"\\\n]*"|`[^`\\$]*`)\s*[,)]|\)|[\w$.]+\s*\))/y
/** Comments count as calls, `<!--` and `-->` among them: what follows them is not looked at here. */
const CALL_OR_COMMENT = /\s*(?:[(/<]|-->)/y
const DISGUISED_CALL = /\s*(?:[)!?\]'"`]|(?:as|satisfies)\b)/y
const PHASE = /\s*\.\s*(?!meta\b)/y
/** `module.require(…)` is found by its second word, unless that is spelled as text in brackets. */
const MODULE_INDEX = /\s*(?:[[/<!]|-->|\?\.|(?:as|satisfies)\b|\)\s*(?:[[)!?/<]|-->|(?:as|satisfies)\b))/y

function isSuspect(word: string, text: string, after: number): boolean {
  if (word === 'module') return startsAt(MODULE_INDEX, text, after)
  if (startsAt(PLAIN_CALL, text, after)) return false
  if (startsAt(CALL_OR_COMMENT, text, after)) return true
  return startsAt(word === 'import' ? PHASE : DISGUISED_CALL, text, after)
}

function startsAt(pattern: RegExp, text: string, offset: number): boolean {
  pattern.lastIndex = offset
  return pattern.test(text)
}

export interface Neutralised {
  readonly code: string
  /** How many computed names were left to the run. */
  readonly count: number
}

/** Throws esbuild's failure for text that does not parse. */
export async function neutraliseComputedImports(
  esbuild: typeof Esbuild,
  text: string,
  loader: Esbuild.Loader,
): Promise<Neutralised> {
  const { parse } = await import('@babel/parser')
  const printed = await esbuild.transform(text, {
    loader,
    target: 'es2024',
    tsconfigRaw: {},
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
  })
  const tree: unknown = parse(printed.code, {
    sourceType: 'unambiguous',
    allowReturnOutsideFunction: true,
    allowAwaitOutsideFunction: true,
    allowNewTargetOutsideFunction: true,
    allowSuperOutsideMethod: true,
    allowUndeclaredExports: true,
  })
  const names = computedNames(tree)
  const insertions = names.flatMap(({ start, end }) => [
    { at: start, text: '(0,(' },
    { at: end, text: '))' },
  ])
  const pieces: string[] = []
  let done = 0
  for (const { at, text: inserted } of insertions.toSorted((left, right) => left.at - right.at)) {
    pieces.push(printed.code.slice(done, at), inserted)
    done = at
  }
  return { code: pieces.join('') + printed.code.slice(done), count: names.length }
}

interface TreeNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

function computedNames(tree: unknown): readonly TreeNode[] {
  const found: TreeNode[] = []
  const pending: unknown[] = [tree]
  while (pending.length > 0) {
    const value = pending.pop()
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value) && isNode(value)) {
      const name = importedName(value)
      if (name !== undefined && isComputed(name)) found.push(name)
    }
    pending.push(...Object.values(value))
  }
  return found
}

function isNode(value: object): value is TreeNode {
  return 'type' in value && typeof value.type === 'string' && 'start' in value && typeof value.start === 'number'
}

/** The first argument of `import(…)`, `require(…)` or `module.require(…)`, in any spelling that is left. */
function importedName(node: TreeNode): TreeNode | undefined {
  if (node.type === 'ImportExpression') return nodeOf(node['source'])
  if (node.type !== 'CallExpression' && node.type !== 'OptionalCallExpression') return undefined
  const callee = nodeOf(node['callee'])
  return isImporter(callee) && Array.isArray(node['arguments']) ? nodeOf(node['arguments'][0]) : undefined
}

function isImporter(callee: TreeNode | undefined): boolean {
  if (callee?.type !== 'MemberExpression' && callee?.type !== 'OptionalMemberExpression') {
    return callee?.type === 'Import' || (callee?.type === 'Identifier' && callee['name'] === 'require')
  }
  const object = nodeOf(callee['object'])
  const isModule = object?.type === 'Identifier' && object['name'] === 'module'
  return callee['computed'] === true ? isModule : nodeOf(callee['property'])?.['name'] === 'require'
}

/** Anything but one literal or one name: esbuild also looks into conditions and sums. */
function isComputed(name: TreeNode): boolean {
  if (name.type === 'TemplateLiteral') return Array.isArray(name['expressions']) && name['expressions'].length > 0
  return name.type !== 'StringLiteral' && name.type !== 'Identifier'
}

function nodeOf(value: unknown): TreeNode | undefined {
  return typeof value === 'object' && value !== null && isNode(value) ? value : undefined
}
