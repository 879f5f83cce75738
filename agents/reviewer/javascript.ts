/** What is dangerous or left over in JavaScript and TypeScript, seen in the syntax tree and so never in a string. */
import type { Finding, Severity } from './finding.ts'
import { code } from './markdown.ts'
import type { SyntaxNode } from './parse.ts'
import { mayPrint } from './paths.ts'
import { chainOf, childOf, isCall, lineOf, nameOf, nodesOf } from './syntax.ts'

const SUITES: ReadonlySet<string> = new Set([
  'describe',
  'it',
  'test',
  'suite',
  'context',
  'specify',
  'bench',
  'fixture',
])

const PRINTING: ReadonlySet<string> = new Set(['log', 'debug', 'dir', 'table', 'trace'])

interface Trouble {
  readonly severity: Severity
  readonly message: string
}

function troubleOf(node: SyntaxNode, path: string): Trouble | undefined {
  if (node.type === 'DebuggerStatement')
    return { severity: 'Warning', message: `${code('debugger')} statement left in` }
  if (node.type === 'NewExpression' && nameOf(childOf(node, 'callee')) === 'Function') {
    return { severity: 'Warning', message: `${code('new Function')} runs a string as code` }
  }
  if (!isCall(node)) return undefined
  const callee = childOf(node, 'callee')
  // A call within a chain, such as the first of `test.only.each(rows)(…)`, is told of once, by itself.
  const chain = callee !== undefined && isCall(callee) ? undefined : chainOf(callee)
  const [first = '', second = ''] = chain ?? []
  if (SUITES.has(first) && chain?.includes('only') === true) {
    return { severity: 'Warning', message: `${code(`${first}.only`)} keeps every other test from running` }
  }
  const evaluates = chain?.length === 1 ? first : ['globalThis', 'window', 'global'].includes(first) ? second : ''
  if (evaluates === 'eval') return { severity: 'Warning', message: `${code('eval')} runs a string as code` }
  if (evaluates === 'Function') return { severity: 'Warning', message: `${code('Function')} runs a string as code` }
  if (first === 'console' && PRINTING.has(second) && !mayPrint(path)) {
    return { severity: 'Note', message: `${code(`console.${second}`)} left in` }
  }
  return undefined
}

export function findInProgram(path: string, program: SyntaxNode, added: ReadonlySet<number>): Finding[] {
  const findings: Finding[] = []
  for (const node of nodesOf(program)) {
    const trouble = troubleOf(node, path)
    if (trouble === undefined) continue
    const line = troubleLine(node)
    if (added.has(line)) findings.push({ ...trouble, path, line })
  }
  return findings
}

/** Of a chain over several lines, the line of its last name: that is where `.only` or `.log` stands. */
function troubleLine(node: SyntaxNode): number {
  const callee = childOf(node, 'callee')
  const property = callee === undefined ? undefined : childOf(callee, 'property')
  return lineOf(property ?? node)
}
