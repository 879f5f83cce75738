/** `{ env-file: PATH, key: NAME }`: one value of an `.env` file, which never enters the environment. */
import { RunAgentError } from '../../errors.ts'
import { fixedSecret, forUser, isPerUser } from './secret-value.ts'
import type { SecretSource } from '../secret.ts'
import type { FileSourceParts } from './source-file.ts'

export function createEnvFileSource(
  credential: string,
  { path, key }: { readonly path: string; readonly key: string },
  parts: FileSourceParts,
): SecretSource {
  const origin = `${key} in the file ${path}`
  return {
    origin,
    isPerUser: isPerUser([path]),
    fetch: async (question) => {
      const actual = forUser(path, question.user)
      const text = parseEnvFile(decoded(parts.files.read(actual, 'own'), actual), actual).get(key)
      if (text === undefined) {
        throw new RunAgentError(
          'E_CREDENTIAL',
          `the credential ${credential} comes from ${key}, which ${actual} lacks`,
          {
            hint: `Write a line ${key}=… into it.`,
          },
        )
      }
      return fixedSecret({ credential, text, origin, question }, parts)
    },
  }
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new RunAgentError('E_CREDENTIAL', `couldn't read ${path}: it is no text in UTF-8`, {
      hint: 'Save it as UTF-8.',
    })
  }
}

const LINE = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/
/** Behind a quoted value only a comment may follow. */
const QUOTED = /^(?:'([^']*)'|"((?:[^"\\]|\\.)*)")[ \t]*(?:#.*)?$/
const BARE = /^[^\s'"`\\#]*(?:#[^\s'"`\\]*)*$/
/** Other programs would put something in its place. */
const REPLACED_ELSEWHERE = /\$[A-Za-z_{(]/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', $: '$' }

/**
 * `KEY=VALUE`, a line each, with or without `export`; a value is bare, `'literal'` or `"with \n \r \t \\ \" \$"`. A line
 * that begins with `#` is a comment, and so is what follows ` #`. Nothing is replaced. What another program would read
 * in another way is an error, with the number of the line and never its text.
 */
export function parseEnvFile(text: string, path: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const lineOf = new Map<string, number>()
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const number = index + 1
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [, key, written] = LINE.exec(line) ?? []
    if (key === undefined || written === undefined) throw malformed(path, number, 'it is not KEY=VALUE')
    const first = lineOf.get(key)
    if (first !== undefined) throw malformed(path, number, `${key} stands in line ${first} already`)
    lineOf.set(key, number)
    values.set(key, valueOf(written, path, number))
  }
  return values
}

function valueOf(written: string, path: string, line: number): string {
  if (written.startsWith("'") || written.startsWith('"')) {
    const [whole, literal, escaped = ''] = QUOTED.exec(written) ?? []
    if (whole === undefined) throw malformed(path, line, 'its quotation mark is not closed, or something follows it')
    return literal ?? unescaped(escaped, path, line)
  }
  const bare = written.replace(/[ \t]+#.*$/, '').trimEnd()
  if (written.startsWith('#')) throw malformed(path, line, 'a value that begins with `#` needs quotation marks')
  if (!BARE.test(bare))
    throw malformed(path, line, 'a value with spaces, quotation marks or `\\` needs quotation marks')
  if (REPLACED_ELSEWHERE.test(bare)) throw malformed(path, line, DOLLAR)
  return bare
}

const DOLLAR = "nothing is replaced: a value with `$` stands in '…'"

function unescaped(text: string, path: string, line: number): string {
  if (REPLACED_ELSEWHERE.test(text.replaceAll(/\\./g, ''))) throw malformed(path, line, DOLLAR)
  return text.replaceAll(/\\(.)/g, (_all, character: string) => {
    const meant = Object.hasOwn(ESCAPES, character) ? ESCAPES[character] : undefined
    if (meant === undefined) throw malformed(path, line, "it has an unknown escape; a literal value stands in '…'")
    return meant
  })
}

function malformed(path: string, line: number, why: string): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `couldn't read line ${line} of ${path}: ${why}`, {
    hint: "Write KEY='VALUE', each key once.",
  })
}
