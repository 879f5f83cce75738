/** Asks what a definition says of its own rights, of the one function that a run asks. */
import type { AgentDefinition, RightsTest } from './definition/definition.ts'
import type { CheckedTool } from './effective-rights.ts'
import type { Problem } from './errors.ts'
import { decide } from './policy/decide.ts'
import type { Decision } from './policy/grant.ts'
import { holdsUnbound } from './unbound-settings.ts'

export interface TestedRights {
  readonly passed: number
  /** A problem at the place of each test that does not hold, with the rule that decided. */
  readonly failed: readonly Problem[]
  /** Tests that depend on a setting which has no value here. */
  readonly unasked: number
}

export function testRights(
  definition: AgentDefinition,
  tools: readonly CheckedTool[],
  values: 'bound' | 'unbound',
): TestedRights {
  const { tests } = definition
  const asked = tests.flatMap((test) => {
    const tool = tools.find(({ entry }) => entry.name === test.tool)
    if (tool === undefined) throw new Error(`a test of ${test.tool} was read, and there is no such tool`)
    const { paths, deny, http } = tool.grant
    const rules = [...paths, ...deny].map(({ pattern }) => pattern).concat(http.map(({ rule }) => rule))
    const isOpen = values === 'unbound' && [test.question, ...rules].some((text) => holdsUnbound(definition, text))
    return isOpen ? [] : [{ test, decision: decide(tool.grant, test.request, {}) }]
  })
  const failed = asked.filter(({ test, decision }) => decision.kind !== test.expected)
  return {
    passed: asked.length - failed.length,
    failed: failed.map(({ test, decision }) => problemOf(test, decision)),
    unasked: tests.length - asked.length,
  }
}

function problemOf({ tool, question, place }: RightsTest, decision: Decision): Problem {
  const [, file = place, line = '1', column = '1'] = /^(.*):(\d+):(\d+)$/su.exec(place) ?? []
  const at = { file, line: Number(line), column: Number(column) }
  const by = decision.place === undefined ? decision.rule : `${decision.rule} (${decision.place})`
  if (decision.kind === 'permit') {
    return { ...at, message: `the test does not hold: ${tool} is permitted to ${question}, by ${by}` }
  }
  const hint = decision.allowed
  return { ...at, message: `the test does not hold: ${tool} is denied to ${question}: ${by}`, hint }
}
