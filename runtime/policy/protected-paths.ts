/**
 * Paths that no ordinary rule reaches. The lists hold at any depth and are compared case-folded and in NFC, because a
 * file system may do so.
 */
import { EXECUTED_BY_OTHERS, EXECUTED_FILES, ORDINARY_SOURCES } from './executed-by-others.ts'
import { foldings } from './fold.ts'

/** Whole segments; a `*` in one stands for any characters. */
interface ListedName {
  readonly pattern: string
  readonly except?: readonly string[]
}

/** Secrets, with all below them: never granted by a definition, only by the operator. */
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

/** The listed name that covers the path. */
export function protectedBy(path: string): string | undefined {
  for (const folded of foldings(path)) {
    const names = folded.split('/')
    const found = PROTECTED_TESTS.find((test) =>
      names.some((name, at) => !test.except.has(name) && covers(test, names, at)),
    )
    if (found !== undefined) return found.pattern
  }
  return undefined
}

/** A name of a path that is on the list; the rule that permits a write must spell each. */
export interface ExecutedName {
  /** As listed. */
  readonly pattern: string
  /** Case-folded. */
  readonly name: string
  /** It counts as the last name of a path alone, and so must be spelled as the last. */
  readonly isLast: boolean
}

/**
 * The outermost name of the path that something else executes, in every way of folding it: who spells `.husky` means
 * all below. Of a folder, among those that folders bear.
 */
export function executedByOthers(path: string, type: 'file' | 'folder' = 'file'): readonly ExecutedName[] {
  const found = new Map<string, ExecutedName>()
  for (const names of foldings(path).map((folded) => folded.split('/'))) {
    const outermost = names.map((name) => ({ name, pattern: executedName(name) })).find(({ pattern }) => pattern)
    if (outermost?.pattern !== undefined) {
      found.set(outermost.name, { pattern: outermost.pattern, name: outermost.name, isLast: false })
      continue
    }
    const name = names.at(-1)!
    const pattern = type === 'folder' ? undefined : executedFile(names, name)
    if (pattern !== undefined) found.set(name, { pattern, name, isLast: true })
  }
  return [...found.values()]
}

function executedName(name: string): string | undefined {
  return EXECUTED_NAMES.get(name) ?? EXECUTED_TESTS.find(({ covers }) => covers(name))?.pattern
}

/** Whether the path is a `.git` or lies below one, at any depth. */
export function isGitInternal(path: string): boolean {
  return foldings(path).some((folded) => folded.split('/').includes('.git'))
}

type NameTest = (name: string) => boolean

const PROTECTED_TESTS = PROTECTED.map(({ pattern, except }) => ({
  pattern,
  except: new Set(except),
  segments: pattern.split('/').map(nameTest),
}))

/** Names without a wildcard are looked up, so that the length of a list costs nothing. */
const EXECUTED_NAMES = namesOf(EXECUTED_BY_OTHERS)
const EXECUTED_TESTS = EXECUTED_BY_OTHERS.filter(isPattern).map((pattern) => ({ pattern, covers: nameTest(pattern) }))
const FILE_NAMES = namesOf(EXECUTED_FILES)
const FILE_TESTS = EXECUTED_FILES.filter(isPattern).map(fileTest)
const ORDINARY_NAMES = namesOf(ORDINARY_SOURCES)
const ORDINARY_TESTS = ORDINARY_SOURCES.filter(isPattern).map(fileTest)

function isPattern(listed: string): boolean {
  return /[*/]/.test(listed)
}

function namesOf(list: readonly string[]): ReadonlyMap<string, string> {
  return new Map(list.filter((listed) => !isPattern(listed)).map((listed) => [listed.toLowerCase(), listed]))
}

function executedFile(names: readonly string[], last: string): string | undefined {
  const pattern = FILE_NAMES.get(last) ?? FILE_TESTS.find(({ covers }) => covers(names))?.pattern
  if (pattern === undefined || ORDINARY_NAMES.has(last)) return undefined
  return ORDINARY_TESTS.some(({ covers }) => covers(names)) ? undefined : pattern
}

/** Reads the last names of a path, or all of them where the pattern begins with `/`. */
function fileTest(pattern: string) {
  const isAnchored = pattern.startsWith('/')
  const tests = pattern
    .slice(isAnchored ? 1 : 0)
    .split('/')
    .map(nameTest)
  const covers = (names: readonly string[]): boolean => {
    const above = names.length - tests.length
    return (isAnchored ? above === 0 : above >= 0) && tests.every((test, index) => test(names[above + index]!))
  }
  return { pattern, covers }
}

/** Linear, whatever the name. */
function nameTest(pattern: string): NameTest {
  const [start = '', ...parts] = pattern.toLowerCase().split('*')
  const end = parts.pop()
  if (end === undefined) return (name) => name === start
  return (name) => {
    if (!name.startsWith(start)) return false
    let at = start.length
    for (const part of parts) {
      const found = name.indexOf(part, at)
      if (found === -1) return false
      at = found + part.length
    }
    return name.length >= at + end.length && name.endsWith(end)
  }
}

function covers(test: (typeof PROTECTED_TESTS)[number], names: readonly string[], at: number): boolean {
  return test.segments.every((segment, index) => {
    const name = names[at + index]
    return name !== undefined && segment(name)
  })
}
