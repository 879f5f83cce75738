/**
 * What a definition permits, told a second time and by other means: from the contract's text alone, without a line
 * of runtime/. Slow and plain on purpose. Paths are plain ASCII, and no links are about.
 */

export interface ReferenceTool {
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly delete: readonly string[]
  readonly deny: readonly string[]
  readonly git: boolean
}

export type ReferenceRight = 'read' | 'write' | 'delete'

/** `own`: the agent's own files. */
export function referencePermits(
  tool: ReferenceTool,
  right: ReferenceRight,
  path: string,
  own: readonly string[],
): boolean {
  const names = resolveDots(path)
  if (names === undefined) return false
  if (tool.deny.some((pattern) => expand(pattern).some((one) => deniesAnywhere(one, names)))) return false
  if (names.includes('.git')) return right === 'read' && tool.git && isHistory(names)
  if (names.some((_, index) => isProtected(names.slice(index)))) return false
  const rules = tool[right].flatMap(expand).filter((rule) => matchNames(rule.split('/'), names))
  if (right === 'read') return rules.length > 0
  // Who spells the outermost of them means all that lies below.
  const listed = names.filter(isExecuted).slice(0, 1)
  const spelling = rules.filter((rule) => {
    const written = lower(rule.split('/'))
    const last = names.at(-1)?.toLowerCase() ?? ''
    if (listed.length === 0 && isExecutedFile(last) && written.at(-1) !== last) return false
    return listed.every((name) => written.includes(name.toLowerCase()))
  })
  if (!lower(own).includes(names.join('/').toLowerCase())) return spelling.length > 0
  return spelling.some((rule) => rule === names.join('/'))
}

function lower(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.toLowerCase())
}

/** Undefined for what is no path within the workspace. */
function resolveDots(path: string): readonly string[] | undefined {
  if (path.startsWith('/')) return undefined
  const names: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && names.pop() === undefined) return undefined
    if (part !== '..') names.push(part)
  }
  return names
}

/** Every choice of the braces. */
function expand(pattern: string): readonly string[] {
  const braces = /\{([^{}]*)\}/.exec(pattern)
  if (braces === null) return [pattern]
  const [before, after] = [pattern.slice(0, braces.index), pattern.slice(braces.index + braces[0].length)]
  return braces[1]!.split(',').flatMap((choice) => expand(before + choice + after))
}

function matchNames(rule: readonly string[], names: readonly string[]): boolean {
  const [first, ...rest] = rule
  if (first === undefined) return names.length === 0
  if (first === '**')
    return names.length === 0 ? matchNames(rest, []) : matchNames(rest, names) || matchNames(rule, names.slice(1))
  const [name, ...others] = names
  return name !== undefined && matchName(first, name) && matchNames(rest, others)
}

function matchName(rule: string, name: string): boolean {
  if (rule === '') return name === ''
  if (rule[0] === '*') return matchName(rule.slice(1), name) || (name !== '' && matchName(rule, name.slice(1)))
  return name !== '' && (rule[0] === '?' || rule[0] === name[0]) && matchName(rule.slice(1), name.slice(1))
}

/** At any depth, in any case, and with all that lies below. */
function deniesAnywhere(rule: string, names: readonly string[]): boolean {
  const small = lower(names)
  const parts = rule.toLowerCase().split('/')
  return small.some((_, from) =>
    small.some((__, upTo) => upTo >= from && matchNames(parts, small.slice(from, upTo + 1))),
  )
}

/** The names that come after any folder; each covers what lies below it. */
function isProtected(names: readonly string[]): boolean {
  const [name = '', next = ''] = lower(names)
  if (/^\.env(\..*)?$/.test(name)) return !/^\.env\.(example|sample|template)$/.test(name)
  if (/\.(pem|key|p12|pfx|jks|tfstate)$/.test(name)) return true
  if (/^id_(rsa|dsa|ecdsa|ed25519)/.test(name)) return true
  if (
    ['.envrc', '.npmrc', '.pypirc', '.netrc', '.git-credentials', '.ssh', '.aws', '.kube', '.vault-token'].includes(
      name,
    )
  )
    return true
  return (name === '.docker' && next === 'config.json') || (name === '.config' && next === 'gh')
}

/** Of what other programs execute or obey, the names that the contract lists. */
function isExecuted(name: string): boolean {
  return [
    '.github',
    '.gitlab-ci.yml',
    '.husky',
    '.vscode',
    'package.json',
    'package-lock.json',
    'yarn.lock',
    '.gitattributes',
    '.gitmodules',
    'agents.md',
    'claude.md',
    '.claude',
    '.mcp.json',
    '.pre-commit-config.yaml',
  ].includes(name.toLowerCase())
}

/** Words that folders bear too: they count as the last name of a path alone. */
function isExecutedFile(name: string): boolean {
  return ['makefile', 'head', 'config'].includes(name)
}

function isHistory(names: readonly string[]): boolean {
  const [top, name = '', ...below] = names
  if (top !== '.git' || below.includes('.git')) return false
  if (['HEAD', 'packed-refs', 'shallow'].includes(name)) return below.length === 0
  return name === 'refs' || name === 'objects'
}
