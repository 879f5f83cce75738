/**
 * Looks for an input that a mutant takes and the original refuses. The inputs are those that the tests gave to each
 * function, and random changes of them; every grant among them is asked every question among them.
 * Finding nothing proves nothing: what survives is read as well.
 */
import type { TreeCopy } from './tree-copy.ts'

export interface Difference {
  /** The original refuses what the mutant takes. */
  readonly permitsMore: boolean
  readonly what: string
}

type Values = readonly unknown[]
type Call = (...values: Values) => unknown

interface Asked {
  readonly file: string
  readonly name: string
  readonly isRefusal: (result: unknown) => boolean
  /** Where text stands among the values, for changes of it. */
  readonly textOf?: (values: Values) => string | undefined
  readonly withText?: (values: Values, text: string) => Values
}

interface Outcome {
  readonly refused: boolean
  readonly told: string
}

const isString = (value: unknown): value is string => typeof value === 'string'
const isNotOk = (result: unknown): boolean => !(result as { readonly ok: boolean }).ok
const isSaid = (result: unknown): boolean => result !== undefined
const first: Pick<Asked, 'textOf' | 'withText'> = {
  textOf: ([text]) => (isString(text) ? text : undefined),
  withText: ([, ...rest], text) => [text, ...rest],
}
const inInput: Pick<Asked, 'textOf' | 'withText'> = {
  textOf: ([input]) => {
    const { text } = input as { readonly text: unknown }
    return isString(text) && text.length < 4000 ? text : undefined
  },
  withText: ([input], text) => [{ ...(input as object), text }],
}

const THROWN = Symbol('thrown')
const ASKED: readonly Asked[] = [
  { file: 'definition/parse.ts', name: 'parseDefinition', isRefusal: (result) => result === THROWN, ...inInput },
  { file: 'definition/config.ts', name: 'parseConfig', isRefusal: (result) => result === THROWN, ...inInput },
  { file: 'definition/config.ts', name: 'checkConfigOwner', isRefusal: isSaid },
  { file: 'definition/question.ts', name: 'parseQuestion', isRefusal: isNotOk, ...first },
  { file: 'definition/folder-path.ts', name: 'folderPath', isRefusal: isNotOk, ...first },
  { file: 'policy/path-rule.ts', name: 'normalisePath', isRefusal: isNotOk, ...first },
  { file: 'policy/path-rule.ts', name: 'compileGlob', isRefusal: isNotOk, ...first },
  { file: 'policy/protected-paths.ts', name: 'protectedBy', isRefusal: isSaid, ...first },
  { file: 'policy/protected-paths.ts', name: 'isGitInternal', isRefusal: (result) => result === true, ...first },
  { file: 'policy/protected-paths.ts', name: 'executedByOthers', isRefusal: (list) => String(list) !== '', ...first },
  { file: 'policy/http-rule.ts', name: 'compileHttpRule', isRefusal: isNotOk, ...first },
  { file: 'policy/http-rule.ts', name: 'coversRule', isRefusal: (result) => result !== true },
  { file: 'policy/http-header.ts', name: 'forbiddenHeader', isRefusal: isSaid, ...first },
  { file: 'policy/http-url.ts', name: 'canonicalUrl', isRefusal: isNotOk, ...first },
  {
    file: 'policy/graphql-operation.ts',
    name: 'operationTrouble',
    isRefusal: isSaid,
    textOf: ([, body]) => (isString(body) && body.length < 4000 ? body : undefined),
    withText: ([rule, , type], body) => [rule, body, type],
  },
  { file: 'policy/decide.ts', name: 'visible', isRefusal: (result) => result !== true },
  { file: 'policy/decide.ts', name: 'decide', isRefusal: (result) => (result as { kind: string }).kind !== 'permit' },
  { file: 'policy/attenuate.ts', name: 'attenuate', isRefusal: () => false },
  { file: 'tool/check-schema.ts', name: 'checkSchema', isRefusal: (problems) => (problems as Values).length > 0 },
  { file: 'tool/narrow.ts', name: 'narrow', isRefusal: isNotOk },
]
const NAMES: ReadonlySet<string> = new Set(ASKED.map(({ name }) => name))

const RECORDED_MAX = 800
const CHANGED_PER_TEXT = 2
const CHANGED_MAX = 1200
const GRANTS_MAX = 120
const QUESTIONS_MAX = 120

const TOO_DEEP = 'nested too deep to be told'

/** By function, then by what was given, so that nothing is kept twice. */
const recorded = new Map<string, Map<string, Values>>()
let isRecording = true

function record(name: string, values: Values): void {
  const calls = recorded.get(name) ?? new Map<string, Values>()
  recorded.set(name, calls)
  if (!isRecording || calls.size >= RECORDED_MAX) return
  const key = told(values)
  if (key === TOO_DEEP || key.length > 20_000 || calls.has(key)) return
  calls.set(key, values)
}

/** The text of a file whose functions tell what they are given. */
export function recording(file: string, text: string): string {
  if (!file.startsWith('runtime/')) return text
  ;(globalThis as Record<string, unknown>)['recordCall'] = record
  return text.replaceAll(/^export function (\w+)\(/gm, (whole, name: string) =>
    NAMES.has(name)
      ? `export function ${name}(...given) { globalThis.recordCall('${name}', given); return ${name}Itself(...given) }\n` +
        `function ${name}Itself(`
      : whole,
  )
}

/** Of functions nothing is told. */
function told(value: unknown): string {
  const inner = (_key: string, part: unknown): unknown => {
    if (part instanceof Map || part instanceof Set) return [part.constructor.name, ...part]
    return typeof part === 'bigint' || typeof part === 'symbol' ? String(part) : part
  }
  try {
    return JSON.stringify(value, inner) ?? 'undefined'
  } catch {
    return TOO_DEEP
  }
}

interface Case {
  readonly asked: Asked
  readonly values: Values
  readonly expected: Outcome
}

/** Reads what was recorded so far; a tree that is renewed without a change is the original. */
export async function openSearch(tree: TreeCopy): Promise<(mutated: TreeCopy) => Promise<Difference | undefined>> {
  isRecording = false
  tree.renew('', '')
  const cases: Case[] = []
  for (const asked of ASKED) {
    const call = await callOf(tree, asked)
    for (const values of inputsOf(asked)) {
      const expected = outcomeOf(asked, call, values)
      // What a deadline decided may be decided otherwise the next time.
      if (!expected.told.includes('in time')) cases.push({ asked, values, expected })
    }
  }
  return async (mutated) => {
    let other: Difference | undefined
    let call: Call | undefined
    let last: Asked | undefined
    for (const { asked, values, expected } of cases) {
      if (call === undefined || last !== asked) call = await callOf(mutated, asked)
      last = asked
      const outcome = outcomeOf(asked, call, values)
      if (outcome.told === expected.told || outcome.told.includes('in time')) continue
      const what = `${asked.name} ${told(values).slice(0, 700)}: ${difference(expected.told, outcome.told)}`
      if (expected.refused && !outcome.refused) return { permitsMore: true, what: `PERMITS MORE ${what}` }
      const isNearer = other === undefined || (!expected.refused && !outcome.refused)
      if (isNearer) other = { permitsMore: false, what: `${expected.refused ? 'says' : 'differs'} ${what}` }
    }
    return other
  }
}

async function callOf(tree: TreeCopy, { file, name }: Asked): Promise<Call> {
  return (await tree.load(`runtime/${file}`))[name] as Call
}

function outcomeOf(asked: Asked, call: Call, values: Values): Outcome {
  try {
    const result = call(...values)
    return { refused: asked.isRefusal(result), told: told(result) }
  } catch (thrown) {
    const problems = (thrown as { readonly problems?: unknown }).problems
    return {
      refused: asked.isRefusal(THROWN),
      told: `throws ${problems === undefined ? String(thrown) : told(problems)}`,
    }
  }
}

function difference(before: string, after: string): string {
  let at = 0
  while (at < before.length && before[at] === after[at]) at += 1
  const from = Math.max(0, at - 40)
  return `${before.slice(from, at + 120)} → ${after.slice(from, at + 120)}`
}

function inputsOf(asked: Asked): readonly Values[] {
  const given = [...(recorded.get(asked.name)?.values() ?? [])]
  if (asked.name === 'decide') return [...given, ...everyQuestion(given)]
  const { textOf, withText } = asked
  if (textOf === undefined || withText === undefined) return given
  const texts = given.map(textOf).filter(isString)
  const random = numbers(1)
  const changed = given.flatMap((values) => {
    const text = textOf(values)
    if (text === undefined) return []
    return Array.from({ length: CHANGED_PER_TEXT }, () => withText(values, changedText(text, texts, random)))
  })
  return [...given, ...changed.slice(0, CHANGED_MAX)]
}

function everyQuestion(given: readonly Values[]): readonly Values[] {
  const spread = <Value>(all: readonly Value[], max: number): readonly Value[] => {
    const distinct = [...new Map(all.map((value) => [told(value), value])).values()]
    return distinct.filter(
      (_, index) => Math.floor((index * max) / distinct.length) !== Math.floor(((index - 1) * max) / distinct.length),
    )
  }
  const grants = spread(
    given.map(([grant]) => grant),
    GRANTS_MAX,
  )
  const questions = spread(
    given.map(([, ...question]) => question),
    QUESTIONS_MAX,
  )
  return grants.flatMap((grant) => questions.map((question) => [grant, ...question]))
}

/** Mulberry32. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const PIECES = [
  '*',
  '**',
  '/',
  '..',
  '.',
  '?',
  '{',
  '}',
  ',',
  '\\',
  '"',
  ' ',
  '\n',
  ':',
  '#',
  '%2F',
  '%2f',
  '%00',
  '@',
  '[',
  ']',
  '~',
].concat([
  '0',
  '-1',
  '1.5',
  '1e9',
  'null',
  'true',
  '[]',
  '{}',
  '!',
  '&',
  '=',
  ';',
  '|',
  '$',
  '${x}',
  '\u200b',
  '\0',
  'é',
  '\ud800',
  'A',
  '99999999999',
  'x-a',
])

function changedText(text: string, others: readonly string[], random: (below: number) => number): string {
  const at = random(text.length + 1)
  const length = 1 + random(8)
  const word = /[\w-]+/y
  switch (random(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length)
    case 1:
      return text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
    case 2: {
      const other = others[random(others.length)] ?? ''
      const from = random(other.length + 1)
      return text.slice(0, at) + other.slice(from, from + length * 2) + text.slice(at)
    }
    case 3: {
      word.lastIndex = at
      const end = at + (word.exec(text)?.[0].length ?? 0)
      return text.slice(0, at) + PIECES[random(PIECES.length)]! + text.slice(end)
    }
    default:
      return text.slice(0, at) + PIECES[random(PIECES.length)]! + text.slice(at)
  }
}
