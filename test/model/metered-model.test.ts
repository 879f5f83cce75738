import { describe, expect, test } from 'vitest'
import { codeOf, RunAgentError } from '../../runtime/errors.ts'
import { meteredModel, type TokenCount } from '../../runtime/model/metered-model.ts'
import type { Model, ModelRequest, ModelTurn } from '../../runtime/model/model.ts'
import { ProviderError } from '../../runtime/provider-error.ts'

const REQUEST: ModelRequest = { instructions: 'x'.repeat(400), items: [], tools: [], settings: { maxOutput: 50 } }

async function metered(answer: () => Promise<Pick<ModelTurn, 'usage'>>) {
  const said: (readonly [string, TokenCount])[] = []
  const inner: Model = {
    playedBy: 'local/m',
    turn: async () => ({ items: [], calls: [], text: '', ...(await answer()) }),
    close: async () => undefined,
  }
  const model = meteredModel(inner, {
    begin: (expected) => {
      said.push(['begin', expected])
      return { settle: (used) => said.push(['settle', used]) }
    },
  })
  const outcome = await model.turn(REQUEST, new AbortController().signal, 0).then(
    () => 'answered',
    (error: unknown) => codeOf(error),
  )
  return { said: said.map(([what, { totalTokens }]) => `${what} ${totalTokens}`), outcome }
}

const failing = (error: Error) => () => Promise.reject(error)

describe('a metered model', () => {
  test('is counted as expected before it is asked, and as it took afterwards', async () => {
    const usage = { requests: 1, inputTokens: 7, outputTokens: 2, totalTokens: 9 }
    // 402 characters of JSON in quotes, two empty lists, brackets and commas: a token for four, and the answer's most.
    expect(await metered(async () => ({ usage }))).toEqual({ said: ['begin 153', 'settle 9'], outcome: 'answered' })
  })

  test.each([
    // Of each the larger one: 103 of input and 50 of output were expected.
    [{ inputTokens: 0, outputTokens: 60, totalTokens: 60 }, 163],
    [{ inputTokens: 5000, outputTokens: 0, totalTokens: 5000 }, 5050],
    [{ inputTokens: 0, outputTokens: 0, totalTokens: 0 }, 153],
  ])('fails where the provider does not count: %j', async (usage, settled) => {
    const got = await metered(async () => ({ usage: { requests: 1, ...usage } }))
    expect(got).toEqual({ said: ['begin 153', `settle ${settled}`], outcome: 'E_MODEL' })
  })

  test.each([400, 401, 429, undefined])('costs nothing where the answer is %s', async (status) => {
    const code = status === undefined ? 'E_CREDENTIAL' : 'E_PROVIDER'
    const error = new ProviderError(code, 'no', { retryable: false, ...(status && { status }) })
    expect(await metered(failing(error))).toEqual({ said: ['begin 153', 'settle 0'], outcome: code })
  })

  test.each([
    ['it was interrupted', new RunAgentError('E_INTERRUPTED', 'stop')],
    ['a server on the way gave up', new ProviderError('E_PROVIDER', 'late', { retryable: true, status: 504 })],
    ['it took too long', new ProviderError('E_PROVIDER', 'late', { retryable: true, status: 408 })],
    ['nobody answered', new ProviderError('E_PROVIDER', 'silence', { retryable: true })],
    ['the answer could not be read', new ProviderError('E_MODEL', 'cut off', { retryable: false, status: 200 })],
  ])('keeps what was expected where %s', async (_why, error) => {
    expect((await metered(failing(error))).said).toEqual(['begin 153'])
  })

  test.each([
    [9, 1000, ['settle 1009']],
    [9, 0, ['settle 153']],
    [0, 0, []],
  ])('counts what an answer took that could not be used: %i and %i', async (inputTokens, outputTokens, settled) => {
    const usage = { requests: 1, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
    const error = new ProviderError('E_MODEL', 'cut off', { retryable: false, usage })
    expect((await metered(failing(error))).said).toEqual(['begin 153', ...settled])
  })
})
