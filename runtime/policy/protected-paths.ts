/**
 * Paths that no ordinary rule reaches. The lists hold at any depth, for the name and everything below it, and are
 * compared case-folded and in NFC, because a file system may do so.
 */
import { EXECUTED_BY_OTHERS } from './executed-by-others.ts'
import { foldings } from './fold.ts'

/** Whole segments; a `*` in one stands for any characters. */
interface ListedName {
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
}

/** Every name of the path that something else executes. */
export function executedByOthers(path: string): readonly ExecutedName[] {
  const names = new Set(foldings(path).flatMap((folded) => folded.split('/')))
  return [...names].flatMap((name) => {
    const pattern = EXECUTED_NAMES.get(name) ?? EXECUTED_TESTS.find((test) => test.covers(name))?.pattern
    return pattern === undefined ? [] : [{ pattern, name }]
  })
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

/** Names without a wildcard are looked up, so that the length of the list costs nothing. */
const EXECUTED_NAMES = new Map(
  EXECUTED_BY_OTHERS.filter((pattern) => !pattern.includes('*')).map((pattern) => [pattern.toLowerCase(), pattern]),
)
const EXECUTED_TESTS = EXECUTED_BY_OTHERS.filter((pattern) => pattern.includes('*')).map((pattern) => ({
  pattern,
  covers: nameTest(pattern),
}))

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
