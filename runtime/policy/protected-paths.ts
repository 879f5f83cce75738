/**
 * Paths that no ordinary rule reaches. Both lists hold at any depth, for the name and everything below it, and are
 * compared case-folded and in NFC, because a file system may do so.
 */
import { foldings } from './fold.ts'

/** Whole segments; a `*` stands at the front or the end of a segment alone. */
export interface ListedName {
  readonly pattern: string
  readonly except?: readonly string[]
}

/** Secrets: never granted by a definition, only by the operator. */
export const PROTECTED: readonly ListedName[] = [
  { pattern: '.env' },
  { pattern: '.env.*', except: ['.env.example', '.env.sample', '.env.template'] },
  { pattern: '.envrc' },
  { pattern: '*.pem' },
  { pattern: '*.key' },
  { pattern: '*.p12' },
  { pattern: '*.pfx' },
  { pattern: '*.jks' },
  { pattern: 'id_rsa*' },
  { pattern: 'id_dsa*' },
  { pattern: 'id_ecdsa*' },
  { pattern: 'id_ed25519*' },
  { pattern: '.npmrc' },
  { pattern: '.pypirc' },
  { pattern: '.netrc' },
  { pattern: '.git-credentials' },
  { pattern: '.ssh' },
  { pattern: '.aws' },
  { pattern: '.kube' },
  { pattern: '.docker/config.json' },
  { pattern: '.config/gh' },
  { pattern: '.vault-token' },
  { pattern: '*.tfstate' },
]

/** What other programs run or obey: written only where the granting rule spells the name. Single segments. */
export const EXECUTED_BY_OTHERS: readonly ListedName[] = [
  '.github',
  '.gitlab-ci.yml',
  '.husky',
  '.vscode',
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'Cargo.lock',
  'Gemfile.lock',
  'Pipfile.lock',
  'poetry.lock',
  'uv.lock',
  'composer.lock',
  'go.sum',
  'Makefile',
  '.gitattributes',
  '.gitmodules',
  'AGENTS.md',
  'CLAUDE.md',
  '.claude',
  '.mcp.json',
  '.pre-commit-config.yaml',
].map((pattern) => ({ pattern }))

/** The listed name that covers the path. */
export function protectedBy(path: string): string | undefined {
  return hits(PROTECTED_TESTS, path)[0]
}

/** Every listed name that covers the path: each must be spelled by the rule that permits a write. */
export function executedByOthers(path: string): readonly string[] {
  return hits(EXECUTED_TESTS, path)
}

/** Whether the path is a `.git` or lies below one, at any depth. */
export function isGitInternal(path: string): boolean {
  return foldings(path).some((folded) => folded.split('/').includes('.git'))
}

interface NameTest {
  readonly pattern: string
  readonly except: ReadonlySet<string>
  readonly segments: readonly ((name: string) => boolean)[]
}

const PROTECTED_TESTS = PROTECTED.map(toTest)
const EXECUTED_TESTS = EXECUTED_BY_OTHERS.map(toTest)

function toTest({ pattern, except }: ListedName): NameTest {
  const segments = pattern.toLowerCase().split('/').map(segmentTest)
  return { pattern, except: new Set(except), segments }
}

function segmentTest(segment: string): (name: string) => boolean {
  if (segment.startsWith('*')) return (name) => name.endsWith(segment.slice(1))
  if (segment.endsWith('*')) return (name) => name.startsWith(segment.slice(0, -1))
  return (name) => name === segment
}

function hits(tests: readonly NameTest[], path: string): readonly string[] {
  const found = new Set<string>()
  for (const folded of foldings(path)) {
    const names = folded.split('/')
    for (const test of tests) {
      if (names.some((name, at) => !test.except.has(name) && covers(test, names, at))) found.add(test.pattern)
    }
  }
  return [...found]
}

function covers(test: NameTest, names: readonly string[], at: number): boolean {
  return test.segments.every((segment, index) => {
    const name = names[at + index]
    return name !== undefined && segment(name)
  })
}
