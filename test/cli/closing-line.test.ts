/** The last line on standard error, word for word. */
import { expect, test } from 'vitest'
import { closingLine } from '../../runtime/cli/reporter.ts'
import type { RunOutcome } from '../../runtime/run.ts'

const HEAD = { size: 18_211, root: '9f2c'.repeat(16) }
const DENIED = { tool: 'reads', request: 'fs.read .env', rule: 'protected .env' }

function outcome(more: Partial<RunOutcome>, totalTokens = 0): RunOutcome {
  const usage = { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens }
  return { status: 'completed', denied: [], usage, toolCalls: 0, ...more }
}

test.each([
  [outcome({ toolCalls: 14, denied: [DENIED], usd: 0.1234 }, 900), 'completed · 14 calls · 1 denied · $0.12'],
  [outcome({ toolCalls: 1 }), 'completed · 1 call · 0 denied'],
  [outcome({ status: 'budget_exceeded', usd: 12 }), 'budget exceeded · 0 calls · 0 denied · $12.00'],
  [outcome({ status: 'interrupted', toolCalls: 1200, usd: 0 }), 'interrupted · 1,200 calls · 0 denied · $0.00'],
  [outcome({ status: 'failed', usd: 0.0034 }), 'failed · 0 calls · 0 denied · $0.0034'],
  [outcome({}, 1), 'completed · 0 calls · 0 denied · 1 token'],
  [outcome({}, 54_321), 'completed · 0 calls · 0 denied · 54,321 tokens'],
])('%j', (ended, words) => {
  expect(closingLine('01JD', ended, HEAD)).toBe(`run 01JD ${words} · head 18211 9f2c9f2c9f2c9f2c`)
})
