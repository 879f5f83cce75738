/** Shell commands that are put together from parts: whoever controls a part runs a command. */
import type { Finding } from './finding.ts'
import { code } from './markdown.ts'
import type { SyntaxNode } from './parse.ts'
import { chainOf, childOf, childrenOf, isCall, lineOf, nameOf, nodesOf, stringOf } from './syntax.ts'

/** They hand their first argument to a shell. */
const SHELL: ReadonlySet<string> = new Set(['exec', 'execSync'])

/** They do so with the option `shell`. */
const SPAWN: ReadonlySet<string> = new Set(['spawn', 'spawnSync', 'execFile', 'execFileSync'])

/** What the names of a file stand for: `run` for `exec`, `cp` for the whole module. */
interface Names {
  readonly functions: ReadonlyMap<string, string>
  readonly modules: ReadonlySet<string>
  readonly values: ReadonlyMap<string, SyntaxNode>
}

function isModule(node: SyntaxNode | undefined): boolean {
  const name = stringOf(node)
  return name === 'child_process' || name === 'node:child_process'
}

function isRequire(node: SyntaxNode | undefined): boolean {
  if (node?.type === 'AwaitExpression') return isRequire(childOf(node, 'argument'))
  if (node?.type === 'ImportExpression') return isModule(childOf(node, 'source'))
  if (node === undefined || !isCall(node)) return false
  const callee = childOf(node, 'callee')
  const requires = nameOf(callee) === 'require' || callee?.type === 'Import'
  return requires && isModule(childrenOf(node, 'arguments')[0])
}

function namesOf(program: SyntaxNode): Names {
  const functions = new Map<string, string>()
  const modules = new Set<string>()
  const values = new Map<string, SyntaxNode>()
  for (const node of nodesOf(program)) {
    if (node.type === 'ImportDeclaration' && isModule(childOf(node, 'source'))) {
      for (const specifier of childrenOf(node, 'specifiers')) {
        const local = nameOf(childOf(specifier, 'local'))
        const imported = nameOf(childOf(specifier, 'imported'))
        if (local !== undefined && imported !== undefined) functions.set(local, imported)
        else if (local !== undefined) modules.add(local)
      }
    }
    if (node.type !== 'VariableDeclarator') continue
    const target = childOf(node, 'id')
    const init = childOf(node, 'init')
    const name = nameOf(target)
    if (init === undefined || target === undefined) continue
    if (name !== undefined && isRequire(init)) modules.add(name)
    else if (name !== undefined) values.set(name, init)
    else if (target.type === 'ObjectPattern' && isRequire(init)) {
      for (const property of childrenOf(target, 'properties')) {
        const key = nameOf(childOf(property, 'key'))
        const local = nameOf(childOf(property, 'value'))
        if (key !== undefined && local !== undefined) functions.set(local, key)
      }
    }
  }
  const names = { functions, modules, values }
  // `const run = promisify(exec)` is `exec` by another name.
  for (const [name, value] of values) {
    const wraps = isCall(value) && chainOf(childOf(value, 'callee'))?.at(-1) === 'promisify'
    const wrapped = wraps ? functionOf(childrenOf(value, 'arguments')[0], names) : undefined
    if (wrapped !== undefined) functions.set(name, wrapped)
  }
  return names
}

/** The function of child_process that an expression names. */
function functionOf(node: SyntaxNode | undefined, { functions, modules }: Names): string | undefined {
  if (node?.type === 'MemberExpression' && isRequire(childOf(node, 'object'))) return nameOf(childOf(node, 'property'))
  if (node === undefined || isCall(node)) return undefined
  const chain = chainOf(node)
  if (chain?.length === 1) return functions.get(chain[0] ?? '')
  return chain?.length === 2 && modules.has(chain[0] ?? '') ? chain[1] : undefined
}

/** How far a command is followed through the constants that it was put into. */
const STEPS_MAX = 20

/** Whether a command is put together at run time; a constant, however written, is not. */
function isBuilt(node: SyntaxNode | undefined, values: Names['values'], steps = 0): boolean {
  if (node === undefined || steps > STEPS_MAX) return false
  if (node.type === 'TemplateLiteral') return childrenOf(node, 'expressions').length > 0
  if (node.type === 'BinaryExpression') {
    return [childOf(node, 'left'), childOf(node, 'right')].some((part) => {
      if (part === undefined || isConstant(part)) return false
      return part.type !== 'BinaryExpression' || isBuilt(part, values, steps + 1)
    })
  }
  if (isCall(node)) return ['join', 'concat', 'format'].includes(chainOf(childOf(node, 'callee'))?.at(-1) ?? '')
  const name = nameOf(node)
  return name !== undefined && isBuilt(values.get(name), values, steps + 1)
}

function isConstant(node: SyntaxNode): boolean {
  if (node.type === 'TemplateLiteral') return childrenOf(node, 'expressions').length === 0
  return node.type.endsWith('Literal')
}

function hasShell(options: readonly SyntaxNode[]): boolean {
  return options.some((option) =>
    childrenOf(option, 'properties').some((property) => {
      const value = childOf(property, 'value')
      return nameOf(childOf(property, 'key')) === 'shell' && value !== undefined && value['value'] !== false
    }),
  )
}

export function findShellCommands(path: string, program: SyntaxNode, added: ReadonlySet<number>): Finding[] {
  const names = namesOf(program)
  const findings: Finding[] = []
  for (const node of nodesOf(program)) {
    if (!isCall(node)) continue
    const name = functionOf(childOf(node, 'callee'), names)
    if (name === undefined) continue
    const [command, ...rest] = childrenOf(node, 'arguments')
    const viaShell = SHELL.has(name) || (SPAWN.has(name) && hasShell(rest))
    const parts = command === undefined ? [] : [command, ...rest.flatMap((option) => childrenOf(option, 'elements'))]
    if (!viaShell || !parts.some((part) => isBuilt(part, names.values))) continue
    const lines = [lineOf(node), ...parts.map(lineOf)]
    const line = lines.find((candidate) => added.has(candidate))
    if (line === undefined) continue
    const cure = `pass the arguments as a list to ${code('execFile')}`
    const message = `shell command built from parts in ${code(name)}; ${cure}`
    findings.push({ severity: 'Warning', path, line, message })
  }
  return findings
}
