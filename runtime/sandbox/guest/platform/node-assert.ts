/** node:assert. The errors carry what Node's do; the text of a failed comparison is shorter than Node's. */
import { inspect } from 'node:util'
import { isDeepEqual } from './node-deep-equal.ts'
import { wrongType } from './node-refused.ts'

interface Failed {
  readonly message?: unknown
  readonly actual?: unknown
  readonly expected?: unknown
  readonly operator?: string
  /** What is said where the caller gave no message. */
  readonly words?: string
}

class AssertionError extends Error {
  readonly actual: unknown
  readonly expected: unknown
  readonly operator: string | undefined
  readonly generatedMessage: boolean
  readonly code = 'ERR_ASSERTION'

  constructor({ message, actual, expected, operator, words }: Failed) {
    super(message === undefined ? (words ?? wordsOf(actual, expected, operator ?? 'fail')) : String(message))
    this.name = 'AssertionError'
    this.generatedMessage = message === undefined
    this.actual = actual
    this.expected = expected
    this.operator = operator
  }
}

const WORDS: Readonly<Record<string, string>> = {
  '==': 'Expected values to be loosely equal:',
  '!=': 'Expected values not to be loosely equal:',
  strictEqual: 'Expected values to be strictly equal:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  deepEqual: 'Expected values to be loosely deep-equal:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
}

function wordsOf(actual: unknown, expected: unknown, operator: string): string {
  const words = WORDS[operator]
  if (words === undefined) return 'Failed'
  if (operator.startsWith('not') || operator === '!=') return `${words}\n\n${inspect(expected)}`
  return `${words}\n\n${inspect(actual)} !== ${inspect(expected)}\n`
}

function fails(failed: Failed): never {
  if (failed.message instanceof Error) throw failed.message
  throw new AssertionError(failed)
}

type Compare = (actual: unknown, expected: unknown) => boolean
type Assertion = (actual: unknown, expected: unknown, message?: unknown) => void

const comparing =
  (operator: string, holds: Compare): Assertion =>
  (actual, expected, message) => {
    if (!holds(actual, expected)) fails({ message, actual, expected, operator })
  }

// oxlint-disable-next-line eqeqeq -- the legacy comparison is this one
const loose: Compare = (left, right) => left == right || (Number.isNaN(left) && Number.isNaN(right))
const deep: Compare = (left, right) => isDeepEqual(left, right, false)
const deepStrict: Compare = (left, right) => isDeepEqual(left, right, true)
const not =
  (compare: Compare): Compare =>
  (left, right) =>
    !compare(left, right)

function ok(value?: unknown, message?: unknown): void {
  if (value) return
  const words = 'The expression evaluated to a falsy value'
  fails({ message, words, actual: value, expected: true, operator: '==' })
}

/** Holds a thrown value against what was expected; throws where it is not that. */
function checkThrown(error: unknown, expected: unknown, message: unknown, operator: string): void {
  if (expected === undefined) return
  const mismatch = (words?: string): never =>
    fails({ message, actual: error, expected, operator, ...(words === undefined ? {} : { words }) })
  if (expected instanceof RegExp) {
    if (expected.test(String(error))) return
    const input = inspect(String(error))
    return mismatch(`The input did not match the regular expression ${inspect(expected)}. Input:\n\n${input}\n`)
  }
  if (typeof expected === 'function') {
    if (expected.prototype !== undefined && error instanceof expected) return
    const isClass = expected === Error || Object.prototype.isPrototypeOf.call(Error, expected)
    if (isClass) return mismatch(`The error is expected to be an instance of "${expected.name}".`)
    if (Reflect.apply(expected, {}, [error]) === true) return
    return mismatch('The validation function is expected to return "true".')
  }
  const keys = Object.keys(Object(expected))
  if (expected instanceof Error) keys.push('name', 'message')
  for (const key of keys) {
    const wanted: unknown = Reflect.get(Object(expected), key)
    const found: unknown = Reflect.get(Object(error), key)
    if (wanted instanceof RegExp && typeof found === 'string' && wanted.test(found)) continue
    if (!Reflect.has(Object(error), key) || !isDeepEqual(found, wanted, true)) return mismatch()
  }
}

const NOTHING = Symbol('nothing was thrown')

function thrownBy(act: unknown): unknown {
  if (typeof act !== 'function') throw wrongType('fn', 'of type function', act)
  try {
    act()
  } catch (error) {
    return error
  }
  return NOTHING
}

async function rejectionOf(act: unknown): Promise<unknown> {
  const promise: unknown = typeof act === 'function' ? act() : act
  if (typeof Object(promise).then !== 'function')
    throw wrongType('promiseFn', 'of type function or an instance of Promise', act)
  try {
    await promise
  } catch (error) {
    return error
  }
  return NOTHING
}

function expects(operator: string, error: unknown, expected: unknown, message: unknown): void {
  // `throws(act, 'text')`: a text is the message.
  const [wanted, words] = typeof expected === 'string' ? [undefined, expected] : [expected, message]
  if (error !== NOTHING) return checkThrown(error, wanted, words, operator)
  const name = typeof wanted === 'function' && wanted.name !== '' ? ` (${wanted.name})` : ''
  const what = operator === 'rejects' ? 'rejection' : 'exception'
  fails({
    message: `Missing expected ${what}${name}${words === undefined ? '.' : `: ${String(words)}`}`,
    expected: wanted,
    operator,
  })
}

function expectsNone(operator: string, error: unknown, expected: unknown, message: unknown): void {
  if (error === NOTHING) return
  const words = typeof expected === 'string' ? expected : message
  if (typeof expected === 'function' && !(error instanceof expected)) throw error
  const what = operator === 'doesNotReject' ? 'rejection' : 'exception'
  const said = words === undefined ? '.' : `: ${String(words)}`
  const actual = error instanceof Error ? error.message : inspect(error)
  fails({ message: `Got unwanted ${what}${said}\nActual message: "${actual}"`, actual: error, expected, operator })
}

const matching =
  (operator: 'match' | 'doesNotMatch'): Assertion =>
  (actual, expected, message) => {
    if (!(expected instanceof RegExp)) throw wrongType('regexp', 'an instance of RegExp', expected)
    if (typeof actual === 'string' && expected.test(actual) === (operator === 'match')) return
    const words = operator === 'match' ? 'The input did not match' : 'The input was expected to not match'
    const said = `${words} the regular expression ${inspect(expected)}. Input:\n\n${inspect(actual)}\n`
    fails({ message, words: said, actual, expected, operator })
  }

const strictMembers = {
  ok,
  strictEqual: comparing('strictEqual', Object.is),
  notStrictEqual: comparing('notStrictEqual', not(Object.is)),
  deepStrictEqual: comparing('deepStrictEqual', deepStrict),
  notDeepStrictEqual: comparing('notDeepStrictEqual', not(deepStrict)),
  throws: (act: unknown, expected?: unknown, message?: unknown) => expects('throws', thrownBy(act), expected, message),
  doesNotThrow: (act: unknown, expected?: unknown, message?: unknown) =>
    expectsNone('doesNotThrow', thrownBy(act), expected, message),
  rejects: async (act: unknown, expected?: unknown, message?: unknown) =>
    expects('rejects', await rejectionOf(act), expected, message),
  doesNotReject: async (act: unknown, expected?: unknown, message?: unknown) =>
    expectsNone('doesNotReject', await rejectionOf(act), expected, message),
  match: matching('match'),
  doesNotMatch: matching('doesNotMatch'),
  fail: (message?: unknown) => fails({ message, operator: 'fail' }),
  ifError: (value: unknown) => {
    if (value === null || value === undefined) return
    const words = value instanceof Error ? value.message : inspect(value)
    fails({ message: `ifError got unwanted exception: ${words}`, actual: value, expected: null, operator: 'ifError' })
  },
  AssertionError,
}

export const strict = Object.assign((value?: unknown, message?: unknown) => ok(value, message), strictMembers, {
  equal: strictMembers.strictEqual,
  notEqual: strictMembers.notStrictEqual,
  deepEqual: strictMembers.deepStrictEqual,
  notDeepEqual: strictMembers.notDeepStrictEqual,
})

export const assert = Object.assign((value?: unknown, message?: unknown) => ok(value, message), strictMembers, {
  equal: comparing('==', loose),
  notEqual: comparing('!=', not(loose)),
  deepEqual: comparing('deepEqual', deep),
  notDeepEqual: comparing('notDeepEqual', not(deep)),
  strict,
})

Object.assign(strict, { strict })
