/**
 * Which credential a permitted request is dressed with. One answer for who explains (`can`, `check`), who enforces and
 * who dresses: what this does not choose, nobody uses.
 */
import type { CredentialRule, CredentialSlot, Grant } from './grant.ts'
import { compileHttpRule, mismatch, type HttpAttempt, type HttpPattern } from './http-rule.ts'
import { queryPairs } from './http-url.ts'

export type CredentialChoice =
  | { readonly kind: 'dressed'; readonly credential: CredentialRule }
  /** `why` where the tool has credentials and none of them is for this request. */
  | { readonly kind: 'undressed'; readonly why: string | undefined }
  | { readonly kind: 'refused'; readonly why: string }

/** `named`: by the tool; undefined: the one that is for this request. */
export function chooseCredential(grant: Grant, named: string | undefined, attempt: HttpAttempt): CredentialChoice {
  const granted = grant.credentials ?? []
  if (named === undefined) return chosenAmong(grant, granted, attempt)
  const credential = granted.find(({ name }) => name === named)
  if (credential === undefined) {
    const names = granted.map(({ name }) => name).join(', ')
    const have = names === '' ? 'it has none' : `it has ${names}`
    return refused(`${grant.tool} is not granted the credential ${shown(named)}: ${have}`)
  }
  if (covers(grant, credential, attempt)) return dressed(credential, attempt)
  return refused(purposeOf(credential))
}

function chosenAmong(grant: Grant, granted: readonly CredentialRule[], attempt: HttpAttempt): CredentialChoice {
  const fitting = granted.filter((credential) => covers(grant, credential, attempt))
  const [first, second] = fitting
  if (first === undefined) {
    return { kind: 'undressed', why: granted.length === 0 ? undefined : granted.map(purposeOf).join('; ') }
  }
  if (second === undefined) return dressed(first, attempt)
  const names = fitting.map(({ name }) => name).join(' and ')
  return refused(`${names} are both for this request: name one, as in fetch(url, { credential: '${first.name}' })`)
}

function dressed(credential: CredentialRule, { url }: HttpAttempt): CredentialChoice {
  const { slot, name } = credential
  if (slot.kind !== 'query') return { kind: 'dressed', credential }
  const pairs = url.query === undefined ? [] : queryPairs(url.query)
  // Servers differ in what they make of such a query, and in which of two keys they take.
  if (pairs === undefined) return refused(`the query is malformed, and the credential ${name} is written to it`)
  const isTaken = pairs.some(([key]) => foldedKey(key) === foldedKey(slot.key))
  if (isTaken)
    return refused(
      `the query holds ${slot.key}, or what a server may take for it, which is where the credential ${name} is written`,
    )
  return { kind: 'dressed', credential }
}

/** As lenient servers read a key: in any case, up to a bracket, whatever joins its words. */
function foldedKey(key: string): string {
  return key
    .toLowerCase()
    .replace(/[[;].*/s, '')
    .replaceAll(/[-_. ]/g, '')
}

function refused(why: string): CredentialChoice {
  return { kind: 'refused', why }
}

function purposeOf({ name, rules }: CredentialRule): string {
  if (rules.length === 0) return `the credential ${name} is for no request: the operator names none under \`for\``
  return `the credential ${name} is for ${rules.map(({ rule }) => rule).join(', ')}`
}

/** Of a name that a tool made up. */
const NAME_SHOWN_MAX = 64

function shown(name: string): string {
  return JSON.stringify(name.slice(0, NAME_SHOWN_MAX))
}

function covers(grant: Grant, credential: CredentialRule, attempt: HttpAttempt): boolean {
  return patternsOf(grant, credential).some((pattern) => mismatch(pattern, attempt) === undefined)
}

const compiled = new WeakMap<CredentialRule, readonly HttpPattern[]>()

/** Rules were checked where they were read; one that does not compile here is a mistake of ours. */
function patternsOf({ networks }: Grant, credential: CredentialRule): readonly HttpPattern[] {
  const known = compiled.get(credential)
  if (known !== undefined) return known
  const patterns = credential.rules.map(({ rule }) => {
    const result = compileHttpRule(rule, networks)
    if (!result.ok) throw new Error(`the rule ${rule} of a credential does not compile: ${result.mistake.message}`)
    return result.pattern
  })
  compiled.set(credential, patterns)
  return patterns
}

/** The header that a slot is written to, in lower case; undefined for one in the URL. */
export function slotHeader(slot: CredentialSlot): string | undefined {
  if (slot.kind === 'header') return slot.header
  return slot.kind === 'basic' ? 'authorization' : undefined
}
