/** What stands on standard error at the end of a run, word for word. */
import { expect, test } from 'vitest'
import { closingLine } from '../../runtime/cli/reporter.ts'
import type { RunOutcome } from '../../runtime/run.ts'
import { agentFiles, openDesk } from '../support/program.ts'

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

test.each([
  [
    'throw new Error("no\\nluck")',
    '',
    /^run-agent: .*no\n {4}luck\n {2}run-agent audit show (\w{26}) tells what it did\.\nrun \1 failed · /m,
  ],
  [
    "for (;;) await tried(call('none'))",
    'budget: { turns: 2 }',
    /final answer\n {2}What a run may use is said by `budget` in its definition\.\nrun \w{26} budget exceeded · 2 calls · 2 denied · /,
  ],
])('a run that ends without an answer says what can be done: %s', async (script, more, expected) => {
  using desk = openDesk(agentFiles({ tools: {}, script, more }))
  expect((await desk.run('agent/agent.yaml')).stderr).toMatch(expected)
})
