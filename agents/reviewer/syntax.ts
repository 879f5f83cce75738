/** Small questions to a syntax tree, asked without knowing all of its types. */
import type { SyntaxNode } from './parse.ts'

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** Every node, parents first; without recursion, since an expression may be nested as deeply as it likes. */
export function* nodesOf(root: SyntaxNode): Generator<SyntaxNode> {
  const pending: SyntaxNode[] = [root]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    yield node
    const children = Object.entries(node).flatMap(([key, value]): SyntaxNode[] => {
      if (key === 'loc' || key.endsWith('Comments')) return []
      return (Array.isArray(value) ? value : [value]).filter(isNode)
    })
    for (const child of children.toReversed()) pending.push(child)
  }
}

export function lineOf(node: SyntaxNode): number {
  const place = node['loc']
  if (typeof place !== 'object' || place === null || !('start' in place)) return 0
  const { start } = place
  return typeof start === 'object' && start !== null && 'line' in start ? Number(start.line) : 0
}

export function childOf(node: SyntaxNode, key: string): SyntaxNode | undefined {
  const value = node[key]
  return isNode(value) ? value : undefined
}

export function childrenOf(node: SyntaxNode, key: string): SyntaxNode[] {
  const value = node[key]
  return Array.isArray(value) ? value.filter(isNode) : []
}

export function nameOf(node: SyntaxNode | undefined): string | undefined {
  return node?.type === 'Identifier' && typeof node['name'] === 'string' ? node['name'] : undefined
}

export function stringOf(node: SyntaxNode | undefined): string | undefined {
  return node?.type === 'StringLiteral' && typeof node['value'] === 'string' ? node['value'] : undefined
}

export function isCall(node: SyntaxNode): boolean {
  return node.type === 'CallExpression' || node.type === 'OptionalCallExpression'
}

/** The names of `a.b.c`, also through calls, as in `test.only.each(rows)`; undefined for anything else. */
export function chainOf(node: SyntaxNode | undefined): string[] | undefined {
  const names: string[] = []
  let at = node
  while (at !== undefined) {
    const name = nameOf(at)
    if (name !== undefined) return [name, ...names]
    if (at.type === 'MemberExpression' || at.type === 'OptionalMemberExpression') {
      const property = childOf(at, 'property')
      const key = at['computed'] === true ? stringOf(property) : nameOf(property)
      if (key === undefined) return undefined
      names.unshift(key)
      at = childOf(at, 'object')
    } else if (isCall(at)) {
      at = childOf(at, 'callee')
    } else {
      return undefined
    }
  }
  return undefined
}
