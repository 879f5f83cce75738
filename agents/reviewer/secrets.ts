/** Credentials in added lines. A secret is never repeated: its kind and its first characters tell which one it is. */
import type { Finding, ReviewedFile, Severity } from './finding.ts'
import { code } from './markdown.ts'
import { isFixture, isTest } from './paths.ts'

interface Kind {
  readonly name: string
  /** Its first group is the secret; without a group, the whole match. */
  readonly pattern: RegExp
  readonly severity: Severity
}

/** Formats that nothing else has. */
const KINDS: readonly Kind[] = [
  { name: 'AWS access key', pattern: /\b((?:AKIA|ASIA)[0-9A-Z]{16})\b/g, severity: 'Blocking' },
  {
    name: 'AWS secret key',
    pattern: /aws.{0,20}(?:secret|sk).{0,30}?[\s:='"]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
    severity: 'Blocking',
  },
  { name: 'GitHub token', pattern: /\b(gh[pousr]_[A-Za-z0-9]{36,255})\b/g, severity: 'Blocking' },
  { name: 'GitHub token', pattern: /\b(github_pat_[A-Za-z0-9_]{22,255})\b/g, severity: 'Blocking' },
  { name: 'GitLab token', pattern: /\b(glpat-[A-Za-z0-9_-]{20,})/g, severity: 'Blocking' },
  { name: 'npm token', pattern: /\b(npm_[A-Za-z0-9]{36})\b/g, severity: 'Blocking' },
  { name: 'Slack token', pattern: /\b(xox[abeoprs]-[A-Za-z0-9-]{10,})/g, severity: 'Blocking' },
  {
    name: 'Slack webhook',
    pattern: /https:\/\/hooks\.slack\.com\/services\/(T[A-Z0-9]{6,}\/B[A-Z0-9]{6,}\/[A-Za-z0-9]{16,})/g,
    severity: 'Blocking',
  },
  { name: 'Stripe live key', pattern: /\b((?:sk|rk)_live_[A-Za-z0-9]{16,})/g, severity: 'Blocking' },
  { name: 'Stripe test key', pattern: /\b((?:sk|rk)_test_[A-Za-z0-9]{16,})/g, severity: 'Note' },
  { name: 'Anthropic key', pattern: /\b(sk-ant-[A-Za-z0-9_-]{20,})/g, severity: 'Blocking' },
  { name: 'OpenAI key', pattern: /\b(sk-(?!ant-)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,})/g, severity: 'Blocking' },
  { name: 'Google API key', pattern: /\b(AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])/g, severity: 'Blocking' },
  { name: 'SendGrid key', pattern: /\b(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,})/g, severity: 'Blocking' },
  { name: 'Hugging Face token', pattern: /\b(hf_[A-Za-z0-9]{34})\b/g, severity: 'Blocking' },
  {
    name: 'JSON Web Token',
    pattern: /\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})/g,
    severity: 'Blocking',
  },
  {
    name: 'password in a URL',
    pattern: /\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@'"`]{1,100}:([^\s/@'"`]{4,200})@(?!localhost|127\.|example\.)/gi,
    severity: 'Blocking',
  },
]

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/

/** The name of a secret: the word ends it, since `tokenizer` and `password_hash` name something else. */
const NAME =
  '[\\w.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)' +
  's?(?:[_-]?(?:key|value|string|[0-9]{1,3}))?'

/** A value in quotes, given to a name that says what it is. */
const QUOTED = new RegExp(
  `(?:^|[^\\w])${NAME}["'\`\\]]{0,2}(?:\\s{0,3}:\\s{0,3}string)?` +
    `\\s{0,10}(?::=|=>|[:=](?!=))\\s{0,10}(["'\`])([^"'\`\\s]{6,200})\\1`,
  'gi',
)

/** The same without quotes, where a file's language has none. */
const BARE = new RegExp(
  `^\\s*(?:export\\s+|-\\s+)?${NAME}\\s{0,10}[:=]\\s{0,10}([^\\s'"\`#]{8,200})\\s*(?:#.*)?$`,
  'gi',
)

const BARE_FILES = /(?:^|\/)\.env[^/]*$|\.(?:env|ini|properties|toml|cfg|conf|ya?ml|sh|tfvars)$/i

const PLACEHOLDER = new RegExp(
  'example|sample|placeholder|change[_-]?me|your[_-]|dummy|redacted|replace[_-]?me|xxxx|' +
    '\\*{3}|\\.\\.\\.|^<|>$|[$%#]?[{(]|}}|^\\$|^%|process\\.env|os\\.environ|getenv',
  'i',
)

/** What a person writes to say that this is a password, or calls a field: words, without what makes a secret. */
const WORDS = /^(?:[a-z]+(?:[ ._:/-][a-z]+)*|[a-z]+(?:[A-Z][a-z]+)+|[A-Z]+(?:_[A-Z]+)*)$/

/** Bits per character; words and repeated letters stay below. */
const ENTROPY_MIN = 2.75

/** Fewer different characters than this are someone's stand-in for a token. */
const DISTINCT_MIN = 8

function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}

/** A quarter of it at most, and four characters at most. */
function startOf(secret: string): string {
  return code(`${secret.slice(0, Math.min(4, Math.floor(secret.length / 4)))}…`)
}

function knownIn(text: string): { name: string; severity: Severity; secret: string }[] {
  return KINDS.flatMap(({ name, pattern, severity }) =>
    Array.from(text.matchAll(pattern), (match) => ({ name, severity, secret: match[1] ?? match[0] }))
      .filter(({ secret }) =>
        name === 'password in a URL' ? !isStandIn(secret) : new Set(secret).size >= DISTINCT_MIN,
      )
      .map((found) => (/example/i.test(found.secret) ? { ...found, severity: 'Note' as const } : found)),
  )
}

function isStandIn(value: string): boolean {
  return (
    PLACEHOLDER.test(value) || WORDS.test(value) || /^(?:pass(?:word)?|secret|test|admin|root)[0-9]{0,3}$/i.test(value)
  )
}

function looksSecret(value: string): boolean {
  if (isStandIn(value)) return false
  // A path, a URL or a bare number is not one.
  if (/^(?:https?:|\.{0,2}\/|[0-9.]+$)/.test(value)) return false
  return entropy(value) >= ENTROPY_MIN
}

function genericIn(path: string, text: string): string | undefined {
  for (const match of text.matchAll(QUOTED)) if (match[2] !== undefined && looksSecret(match[2])) return match[2]
  if (!BARE_FILES.test(path)) return undefined
  for (const match of text.matchAll(BARE)) {
    const value = match[1] ?? ''
    if (/[0-9]/.test(value) && /[A-Za-z]/.test(value) && looksSecret(value)) return value
  }
  return undefined
}

export function findSecrets({ path, added }: ReviewedFile): Finding[] {
  return added.flatMap(({ line, text }): Finding[] => {
    if (PRIVATE_KEY.test(text)) {
      return [
        {
          severity: isFixture(path) ? 'Warning' : 'Blocking',
          path,
          line,
          message: `private key ${code('-----BEGIN…')}`,
        },
      ]
    }
    const known = knownIn(text)
    if (known.length > 0) {
      const kinds = new Map(known.map((found) => [found.secret, found]))
      return [...kinds.values()].map(({ name, severity, secret }) => ({
        severity,
        path,
        line,
        message: `${name} ${startOf(secret)}; revoke it, since history keeps it`,
      }))
    }
    const generic = genericIn(path, text)
    if (generic === undefined) return []
    const severity = isTest(path) ? 'Note' : 'Blocking'
    return [{ severity, path, line, message: `likely a password or key in the source: ${startOf(generic)}` }]
  })
}
