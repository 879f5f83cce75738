/** Every small change of a source text that the run tries: what a slip of the hand would do to a guard. */
import { parse } from '@babel/parser'

export interface Mutant {
  /** The same for as long as the line says the same, wherever it moves to. */
  readonly name: string
  readonly line: number
  readonly text: string
}

interface Change {
  readonly start: number
  readonly end: number
  readonly text: string
}

interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const SWAPPED: ReadonlyMap<string, string> = new Map([
  ['===', '!=='],
  ['!==', '==='],
  ['<', '<='],
  ['<=', '<'],
  ['>', '>='],
  ['>=', '>'],
  ['&&', '||'],
  ['||', '&&'],
  ['+', '-'],
  ['-', '+'],
])
const SWAPPED_METHODS: ReadonlyMap<string, string> = new Map([
  ['every', 'some'],
  ['some', 'every'],
  ['startsWith', 'includes'],
  ['endsWith', 'includes'],
  ['isSubsetOf', 'isSupersetOf'],
])
const DROPPED_METHODS: ReadonlySet<string> = new Set(['filter', 'toLowerCase', 'normalize', 'trim'])
const DROPPED_STATEMENTS: ReadonlySet<string> = new Set([
  'ExpressionStatement',
  'IfStatement',
  'ThrowStatement',
  'BreakStatement',
  'ContinueStatement',
])

export function mutantsOf(file: string, source: string): readonly Mutant[] {
  const { program } = parse(source, { sourceType: 'module', plugins: ['typescript'] })
  const found: Mutant[] = []
  const seen = new Map<string, number>()
  const visit = (node: AstNode, within: string): void => {
    const where = nameOf(node) ?? within
    for (const { start, end, text } of changesOf(node, source)) {
      const plain = `${file} ${where}: ${shortened(source.slice(start, end))} → ${shortened(text)}`
      const count = (seen.get(plain) ?? 0) + 1
      seen.set(plain, count)
      found.push({
        name: count === 1 ? plain : `${plain} (${count})`,
        line: source.slice(0, start).split('\n').length,
        text: source.slice(0, start) + text + source.slice(end),
      })
    }
    for (const child of childrenOf(node)) visit(child, where)
  }
  visit(program as unknown as AstNode, 'module')
  return found
}

/** One line, so that a list of them can be read. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  if (line === '') return 'nothing'
  return `\`${line.length > 90 ? `${line.slice(0, 60)} … ${line.slice(-25)}` : line}\``
}

function nameOf(node: AstNode): string | undefined {
  if (!['FunctionDeclaration', 'VariableDeclarator', 'ClassMethod', 'ClassPrivateMethod'].includes(node.type)) return
  const named = (node['id'] ?? node['key']) as AstNode | null
  const inner = named?.type === 'PrivateName' ? (named['id'] as AstNode) : named
  return inner?.type === 'Identifier' ? String(inner['name']) : undefined
}

/** Types are stripped and imports are the tree's, so neither is changed. */
function childrenOf(node: AstNode): readonly AstNode[] {
  if (node.type === 'ImportDeclaration') return []
  return Object.entries(node).flatMap(([key, value]) => {
    if (['loc', 'typeAnnotation', 'returnType', 'typeParameters', 'extra', 'errors'].includes(key)) return []
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    return values.filter(isNode).filter(({ type }) => !type.startsWith('TS') || 'expression' in node)
  })
}

function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function changesOf(node: AstNode, source: string): readonly Change[] {
  const { start, end } = node
  const part = (key: string): AstNode => node[key] as AstNode
  const textOf = (inner: AstNode): string => source.slice(inner.start, inner.end)
  const whole = (text: string): readonly Change[] => [{ start, end, text }]
  const negated = (test: AstNode): Change => ({ start: test.start, end: test.end, text: `!(${textOf(test)})` })
  const dropped = DROPPED_STATEMENTS.has(node.type) ? whole(';') : []
  switch (node.type) {
    case 'IfStatement':
    case 'WhileStatement':
    case 'ConditionalExpression':
      return [...dropped, negated(part('test'))]
    case 'ExpressionStatement':
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return dropped
    case 'LogicalExpression': {
      const [left, right] = [textOf(part('left')), textOf(part('right'))]
      if (node['operator'] === '??') return [...whole(left), ...whole(right)]
      return [...operatorChange(node, source), ...whole(left), ...whole(right)]
    }
    case 'BinaryExpression':
      return operatorChange(node, source)
    case 'UnaryExpression':
      return node['operator'] === '!' ? whole(textOf(part('argument'))) : []
    case 'BooleanLiteral':
      return whole(String(node['value'] !== true))
    case 'NumericLiteral':
      return [...whole(String(Number(node['value']) + 1)), ...whole(String(Number(node['value']) - 1))]
    case 'ReturnStatement':
      return node['argument'] === null || textOf(part('argument')) === 'undefined' ? [] : whole('return undefined')
    case 'CallExpression':
      return callChanges(node, source)
    case 'ArrayExpression':
      return elementChanges(node, source)
    case 'RegExpLiteral':
      return patternChanges(String(node['pattern']), String(node['flags'])).map((text) => ({ start, end, text }))
    default:
      return []
  }
}

function operatorChange(node: AstNode, source: string): readonly Change[] {
  const operator = String(node['operator'])
  const swapped = SWAPPED.get(operator)
  if (swapped === undefined) return []
  const from = (node['left'] as AstNode).end
  const start = source.indexOf(operator, from)
  return [{ start, end: start + operator.length, text: swapped }]
}

function callChanges(node: AstNode, source: string): readonly Change[] {
  const callee = node['callee'] as AstNode
  if (callee.type !== 'MemberExpression') return []
  const property = callee['property'] as AstNode
  const method = String(property['name'])
  const swapped = SWAPPED_METHODS.get(method)
  if (swapped !== undefined) return [{ start: property.start, end: property.end, text: swapped }]
  const object = callee['object'] as AstNode
  const { start, end } = node
  return DROPPED_METHODS.has(method) ? [{ start, end, text: source.slice(object.start, object.end) }] : []
}

function elementChanges(node: AstNode, source: string): readonly Change[] {
  const elements = (node['elements'] as readonly (AstNode | null)[]).filter(isNode)
  return elements.flatMap((element, index) => {
    const following = elements[index + 1]
    const end = following?.start ?? node.end - 1
    const without = { start: element.start, end, text: '' }
    if (element.type !== 'StringLiteral' || element['value'] === '') return [without]
    // Each word of a text of several, with the space that follows it or, at the end, the one before.
    const words = [...source.slice(element.start + 1, element.end - 1).matchAll(/\S+ |(?<= )\S+$/g)]
    const fewer = (words.length < 2 ? [] : words).map(({ index, 0: word }) => ({
      start: element.start + 1 + index,
      end: element.start + 1 + index + word.length,
      text: '',
    }))
    return [without, { start: element.start, end: element.end, text: "''" }, ...fewer]
  })
}

/** Without an anchor, without a flag, with another repetition, with one thing less in a class. */
function patternChanges(pattern: string, flags: string): readonly string[] {
  const patterns: string[] = []
  if (pattern.startsWith('^')) patterns.push(pattern.slice(1))
  if (pattern.endsWith('$')) patterns.push(pattern.slice(0, -1))
  for (const { index, 0: text } of pattern.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|[+*?]/g)) {
    const replaced = (other: string): void => {
      patterns.push(pattern.slice(0, index) + other + pattern.slice(index + text.length))
    }
    if (text === '+') replaced('*')
    if (text === '*') replaced('+')
    if (text.startsWith('[')) for (const fewer of smallerClasses(text)) replaced(fewer)
  }
  const changed = patterns.map((text) => `/${text}/${flags}`)
  const unflagged = Array.from(flags, (flag) => `/${pattern}/${flags.replace(flag, '')}`)
  return [...changed, ...unflagged].filter(isPattern)
}

function smallerClasses(text: string): readonly string[] {
  const [, caret = '', inner = ''] = /^\[(\^?)(.*)\]$/su.exec(text) ?? []
  const one = String.raw`(?:\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\.|[^\\])`
  const items = inner.match(new RegExp(`${one}(?:-${one})?`, 'gsu')) ?? []
  if (items.length < 2) return []
  return items.map((_, at) => `[${caret}${items.filter((__, index) => index !== at).join('')}]`)
}

function isPattern(literal: string): boolean {
  const end = literal.lastIndexOf('/')
  try {
    return new RegExp(literal.slice(1, end), literal.slice(end + 1)) instanceof RegExp
  } catch {
    return false
  }
}
